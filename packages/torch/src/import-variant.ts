import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type BondEnd, FreebindError, type Layer, type Network, projector } from '@freebind/core';
import { fingerprint, type Provenance, writeBond } from '@freebind/core/files';
import { readCheckpoint } from './checkpoint.ts';
import { findParameters, importProjector } from './import-projector.ts';
import { PUBLISHED_HEADS, type PublishedBond, publishedBonds } from './published.ts';
import type { StoredTensor } from './stored-tensor.ts';

/** Where the projector's layers lie in a published state dict: FreeBind `models/projector.py`, `Reaction_Head_mini`. */
const PREFIX = 'Head2.mlps.';
const SOURCE = 'FreeBind (arXiv 2405.04883), projectors published by its authors';
/** As FreeBind's repository states it for its projectors. */
const LICENSE = 'CC BY 4.0';

const ADVICE =
  "Give the folder that holds FreeBind's directories of projectors, `checkpoints` in its repository, and download what is missing.";

/** A bond that was imported: its id and the folder it was written to. */
export interface ImportedBond {
  readonly id: string;
  readonly path: string;
}

/**
 * Turns the projectors of a published variant into bonds: reads `dir/DIRECTORY/HEAD/best.pt` for its bonds' directories and
 * the heads mix, A, T, V, AT, AV and TV, and writes one bond folder a bond, `out/BOND`. Every checkpoint is checked before
 * anything is written. Widths are what the checkpoints say, as long as they agree.
 *
 * @param variant `imagebind++`, `internvl_ib`, `internvl_ib†`, `internvl_ib++` or `internvl_ib†++`
 * @param options.dimensions widths that spaces must have, by id, e.g. `{ imagebind: 1024 }`
 * @param options.replace write over bonds that are there
 * @throws FREEBIND_ARGUMENT_INVALID when there is no such variant
 * @throws FREEBIND_FILE_MISSING when checkpoints are not there, with all that are missing
 * @throws FREEBIND_FILE_UNSAFE FREEBIND_FILE_INVALID as `readCheckpoint`
 * @throws FREEBIND_BOND_INVALID when keys or shapes are not those of FreeBind's projector, or widths disagree
 * @throws FREEBIND_OUTPUT_EXISTS FREEBIND_WRITE_FAILED
 */
export async function importVariant(
  dir: string,
  variant: string,
  out: string,
  options: { readonly dimensions?: Readonly<Record<string, number>>; readonly replace?: boolean } = {},
): Promise<readonly ImportedBond[]> {
  const { dimensions = {}, replace = false } = options;
  const bonds = publishedBonds(variant);
  const files = await findHeads(dir, bonds);
  const widths = new Map(Object.entries(dimensions));
  const heads = new Map<string, readonly Layer[]>();
  for (const { bond, path } of files) heads.set(path, await checkHead(path, bond, widths));

  const imported: ImportedBond[] = [];
  for (const bond of bonds) {
    const networks: Record<string, Network> = {};
    const data: Record<string, string> = {};
    for (const { head, path, name } of files.filter((file) => file.bond === bond)) {
      networks[head] = await importProjector(path, { layers: heads.get(path) ?? [], prefix: PREFIX });
      data[name] = await fingerprint(path);
    }
    const { id, kind, shared } = bond;
    const end = (space: string): BondEnd => ({ space, dimension: widths.get(space) ?? 0 });
    const manifest = { id, kind, from: end(bond.from), into: end(bond.into), shared, heads: PUBLISHED_HEADS };
    const provenance: Provenance = { source: SOURCE, license: LICENSE, data, options: { variant } };
    const path = join(out, id);
    await writeBond(path, { manifest, networks }, provenance, { replace });
    imported.push({ id, path });
  }
  return imported;
}

interface HeadFile {
  readonly bond: PublishedBond;
  readonly head: string;
  readonly path: string;
  /** Its path within the published folder. */
  readonly name: string;
}

/** The checkpoint of every head of `bonds`. @throws FREEBIND_FILE_MISSING with everything that was looked for and is not there */
async function findHeads(dir: string, bonds: readonly PublishedBond[]): Promise<readonly HeadFile[]> {
  const entries = await readdir(dir).catch((cause: unknown) => {
    throw new FreebindError('FREEBIND_FILE_MISSING', `There is no folder ${dir} that can be listed. ${ADVICE}`, {
      cause,
    });
  });
  const files: HeadFile[] = [];
  const missing: string[] = [];
  for (const bond of bonds) {
    const directory = bond.directories.find((name) => entries.includes(name));
    if (directory === undefined) {
      missing.push(bond.directories.map((name) => `${name}/`).join(' or '));
      continue;
    }
    for (const head of PUBLISHED_HEADS) {
      const name = `${directory}/${head}/best.pt`;
      const path = join(dir, directory, head, 'best.pt');
      const isThere = await stat(path).then(
        (stats) => stats.isFile(),
        () => false,
      );
      if (isThere) files.push({ bond, head, path, name });
      else missing.push(name);
    }
  }
  if (missing.length === 0) return files;
  throw new FreebindError(
    'FREEBIND_FILE_MISSING',
    `${dir} does not have ${missing.join(', ')}; it has ${entries.sort().slice(0, 12).join(', ') || 'nothing'}${entries.length > 12 ? ', …' : ''}. ` +
      ADVICE,
  );
}

/** Checks the keys and shapes of one head, and that its widths are those that its spaces have so far. */
async function checkHead(path: string, bond: PublishedBond, widths: Map<string, number>): Promise<readonly Layer[]> {
  const checkpoint = await readCheckpoint(path);
  try {
    const { stateDict } = checkpoint;
    const [hidden, input] = matrixShape(stateDict, `${PREFIX}0.weight`, path);
    const [output] = matrixShape(stateDict, `${PREFIX}3.weight`, path);
    const layers = projector({ input, hidden, output });
    findParameters(stateDict, layers, PREFIX, path);
    agree(widths, bond.from, input, path);
    agree(widths, bond.into, output, path);
    return layers;
  } finally {
    await checkpoint.close();
  }
}

function matrixShape(
  stateDict: ReadonlyMap<string, StoredTensor>,
  key: string,
  path: string,
): readonly [rows: number, cols: number] {
  const shape = stateDict.get(key)?.shape;
  const [rows = 0, cols = 0] = shape ?? [];
  if (rows > 0 && cols > 0 && shape?.length === 2) return [rows, cols];
  throw new FreebindError(
    'FREEBIND_BOND_INVALID',
    `${path} has ${shape === undefined ? 'no tensor' : `[${shape.join(', ')}] as`} "${key}", where FreeBind's projector has a matrix; ` +
      `its tensors are ${[...stateDict.keys()].slice(0, 6).join(', ') || 'none'}. Take the projector's own file, HEAD/best.pt.`,
  );
}

/** A bound space ends in the space that it was displaced into, so it has its width. */
function agree(widths: Map<string, number>, space: string, width: number, path: string): void {
  for (const id of [space, /\+ d\((.+)\)$/.exec(space)?.[1] ?? space]) {
    const known = widths.get(id) ?? width;
    widths.set(id, known);
    if (known === width) continue;
    throw new FreebindError(
      'FREEBIND_BOND_INVALID',
      `${path} has ${width} columns for the space "${id}", but ${known} were expected, as the other projectors or the caller say. ` +
        'The projectors are of different spaces; take all of them from one download.',
    );
  }
}
