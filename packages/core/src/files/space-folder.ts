import { join } from 'node:path';
import { FreebindError } from '../errors.ts';
import type { Layer, Network } from '../network.ts';
import type { SpaceManifest } from '../space.ts';
import { readFacts, readNetworks, widthsOf, writeNetworkFolder } from './network-folder.ts';
import type { Provenance } from './provenance.ts';
import { parseFacts } from './schema.ts';

/** Name of the file that makes a folder a fused space. */
export const SPACE_FILE = 'space.json';

/** What FuseMix makes: one adapter a modality, from unimodal embeddings into one space. */
export interface FusedSpaceData {
  readonly manifest: SpaceManifest;
  /** By modality; each gives rows of `manifest.dimension` columns. */
  readonly adapters: Readonly<Record<string, Network>>;
  /** The learned one, in units of cosine, as after its clamp. */
  readonly temperature: number;
}

/**
 * Writes a fused space as a folder, `space.json` and `weights.safetensors` (`MODALITY/PARAMETER`): all of it, or nothing.
 *
 * @throws FREEBIND_BOND_INVALID when manifest and adapters do not fit together
 * @throws FREEBIND_FILE_INVALID when the manifest or the provenance could not be read again
 * @throws FREEBIND_OUTPUT_EXISTS unless `replace`, and then when anything but a fused space is there
 * @throws FREEBIND_WRITE_FAILED
 */
export async function writeFusedSpace(
  dir: string,
  { manifest, adapters, temperature }: FusedSpaceData,
  provenance: Provenance,
  options: { readonly replace?: boolean } = {},
): Promise<void> {
  const layers = Object.fromEntries(Object.entries(adapters).map(([name, network]) => [name, network.layers]));
  checkAdapters(manifest, layers, dir);
  const facts = { manifest, temperature, provenance };
  await writeNetworkFolder(dir, { kind: 'space', facts, networks: adapters }, options);
}

/** Reads a fused space, with its weights. @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID FREEBIND_BOND_INVALID */
export async function readFusedSpace(
  dir: string,
): Promise<{ readonly space: FusedSpaceData; readonly provenance: Provenance }> {
  const facts = await parseFacts('space', await readFacts(dir, 'space'), join(dir, SPACE_FILE));
  const { manifest, temperature, provenance, layers, checksums } = facts;
  checkAdapters(manifest, layers, dir);
  return {
    space: { manifest, adapters: await readNetworks(dir, layers, checksums?.weights), temperature },
    provenance,
  };
}

function checkAdapters(manifest: SpaceManifest, layers: Readonly<Record<string, readonly Layer[]>>, dir: string): void {
  const { id, modalities, dimension } = manifest;
  const invalid = (found: string): FreebindError =>
    new FreebindError(
      'FREEBIND_BOND_INVALID',
      `Space "${id}" (${dir}) does not fit together: ${found}. Fuse it again.`,
    );
  const names = Object.keys(layers);
  if ([...modalities].sort().join('\0') !== names.sort().join('\0'))
    throw invalid(
      `its manifest lists ${modalities.join(', ')}, but it has adapters for ${names.join(', ') || 'nothing'}`,
    );
  for (const [modality, list] of Object.entries(layers)) {
    const [, width] = widthsOf(list, (found) => invalid(`the adapter of ${modality}: ${found}`));
    if (width !== dimension)
      throw invalid(`the adapter of ${modality} gives rows of ${width} columns, but the space has ${dimension}`);
  }
}
