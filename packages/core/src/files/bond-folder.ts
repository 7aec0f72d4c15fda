import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BondData, BondManifest } from '../bond.ts';
import { FreebindError } from '../errors.ts';
import type { Layer } from '../network.ts';
import { isAsideName } from './leftovers.ts';
import { readFacts, readNetworks, widthsOf, writeNetworkFolder } from './network-folder.ts';
import type { Provenance } from './provenance.ts';
import { errnoOf, readError } from './ranged-file.ts';
import { parseFacts } from './schema.ts';

/** Name of the file that makes a folder a bond. */
export const BOND_FILE = 'bond.json';

/** A bond on disk, of which only the description was read. */
export interface FoundBond {
  readonly path: string;
  readonly manifest: BondManifest;
}

/**
 * Writes a bond as a folder, `bond.json` and `weights.safetensors`: all of it, or nothing. Equal bonds give equal bytes.
 *
 * @throws FREEBIND_BOND_INVALID when manifest and networks do not fit together
 * @throws FREEBIND_FILE_INVALID when the manifest or the provenance could not be read again
 * @throws FREEBIND_OUTPUT_EXISTS unless `replace`, and then when anything but a bond is there
 * @throws FREEBIND_WRITE_FAILED
 */
export async function writeBond(
  dir: string,
  { manifest, networks }: BondData,
  provenance: Provenance,
  options: { readonly replace?: boolean } = {},
): Promise<void> {
  const layers = Object.fromEntries(Object.entries(networks).map(([name, network]) => [name, network.layers]));
  checkHeads(manifest, layers, dir);
  await writeNetworkFolder(dir, { kind: 'bond', facts: { manifest, provenance }, networks }, options);
}

/** Reads a bond folder, with its weights. @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID FREEBIND_BOND_INVALID */
export async function readBond(dir: string): Promise<{ readonly bond: BondData; readonly provenance: Provenance }> {
  const facts = await parseFacts('bond', await readFacts(dir, 'bond'), join(dir, BOND_FILE));
  const { manifest, provenance, layers, checksums } = facts;
  checkHeads(manifest, layers, dir);
  return { bond: { manifest, networks: await readNetworks(dir, layers, checksums?.weights) }, provenance };
}

/** The bonds in `dir`: the folder itself, or each of its direct subfolders that has a bond.json, sorted by path. Weights are not read. @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID */
export async function findBonds(dir: string): Promise<readonly FoundBond[]> {
  const entries = await readdir(dir).catch((cause: unknown) => {
    throw readError(dir, cause);
  });
  const folders = entries.includes(BOND_FILE)
    ? [dir]
    : entries
        .filter((name) => !isAsideName(name))
        .sort()
        .map((name) => join(dir, name));
  const found: FoundBond[] = [];
  for (const path of folders) {
    const json = join(path, BOND_FILE);
    if (!(await isThere(json))) continue;
    const { manifest } = await parseFacts('bond', await readFacts(path, 'bond'), json);
    found.push({ path, manifest });
  }
  return found;
}

/** One network for each head, of the widths that the manifest promises. */
function checkHeads(
  { id, heads, from, into }: BondManifest,
  layers: Readonly<Record<string, readonly Layer[]>>,
  dir: string,
): void {
  const invalid = (found: string): FreebindError =>
    new FreebindError(
      'FREEBIND_BOND_INVALID',
      `Bond "${id}" (${dir}) does not fit together: ${found}. Train or import it again.`,
    );
  const names = Object.keys(layers);
  if (
    new Set(heads).size !== heads.length ||
    heads.length !== names.length ||
    !heads.every((head) => names.includes(head))
  )
    throw invalid(
      `its manifest lists the heads ${heads.join(', ')}, but it has the networks ${names.join(', ') || 'none'}`,
    );
  for (const head of heads) {
    const list = layers[head] ?? [];
    const [input, output] = widthsOf(list, (found) => invalid(`head "${head}": ${found}`));
    if (input !== from.dimension || output !== into.dimension)
      throw invalid(
        `head "${head}" maps ${input} columns to ${output}, but its manifest maps "${from.space}" (${from.dimension}) into "${into.space}" (${into.dimension})`,
      );
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return false; // a link that leads to itself leads nowhere
    throw readError(path, error);
  }
}
