import { stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { FreebindError, findBadRow, formatRecipe, type Recipe, recipe, type Table } from '@freebind/core';
import {
  BOND_FILE,
  findBonds,
  openNpy,
  openSafetensors,
  openTables,
  parseTableName,
  type Provenance,
  readBond,
  readFusedSpace,
  SPACE_FILE,
} from '@freebind/core/files';
import { readJson } from './tables.ts';

/** What a path turned out to be; `kind` says what else is there. Plain data. */
export interface Finding extends Readonly<Record<string, unknown>> {
  readonly kind: string;
  readonly path: string;
}

/** Rows of a table that are looked at to tell what they are like. */
const SAMPLE = 1024;

/** Unit rows in half precision are within 5e-4 of length 1; beyond this nothing was normalised. */
const UNIT_TOLERANCE = 1e-2;

/**
 * What the file or folder at `path` holds, without reading more than it takes to tell.
 *
 * @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID FREEBIND_FILE_UNSAFE FREEBIND_BOND_INVALID FREEBIND_ROWS_MISALIGNED
 */
export async function inspectPath(path: string): Promise<Finding> {
  const entry = await stat(path).catch((cause: unknown) => {
    throw new FreebindError('FREEBIND_FILE_MISSING', `There is nothing at ${path}. Check the path.`, { cause });
  });
  if (entry.isDirectory()) return inspectFolder(path);
  switch (extname(path)) {
    case '.npy':
      return inspectNpy(path, entry.size);
    case '.safetensors':
      return inspectSafetensors(path, entry.size);
    case '.pt':
    case '.pth':
    case '.bin':
      return inspectCheckpoint(path, entry.size);
    case '.ts':
    case '.mts':
    case '.js':
    case '.mjs':
    case '.json':
      return inspectConfig(path);
    default:
      throw new FreebindError(
        'FREEBIND_FILE_INVALID',
        `${path} is none of the files that freebind knows by their ending: .npy, .safetensors, .pt, or a config (.ts, .mjs, .json).`,
      );
  }
}

async function inspectFolder(path: string): Promise<Finding> {
  if (await isFile(join(path, BOND_FILE))) {
    const { bond, provenance } = await readBond(path);
    const { kind, ...manifest } = bond.manifest;
    return { kind: `${kind} bond`, path, ...manifest, provenance: brief(provenance) };
  }
  if (await isFile(join(path, SPACE_FILE))) {
    const { space, provenance } = await readFusedSpace(path);
    return {
      kind: 'fused space',
      path,
      ...space.manifest,
      temperature: space.temperature,
      provenance: brief(provenance),
    };
  }
  const bonds = await findBonds(path);
  if (bonds.length > 0) {
    return {
      kind: 'bonds',
      path,
      bonds: Object.fromEntries(bonds.map((bond) => [basename(bond.path), bond.manifest])),
    };
  }
  const folder = await openTables(path);
  try {
    if (folder.spaces.length === 0) {
      throw new FreebindError(
        'FREEBIND_FILE_INVALID',
        `${path} holds no bond (${BOND_FILE}), no fused space (${SPACE_FILE}) and no tables (SPACE.MODALITY.npy).`,
      );
    }
    const tables = folder.spaces.map((id) => {
      const shapes = folder.modalities(id).map((modality) => {
        const { rows, cols } = folder.table(id, modality);
        return [modality, [rows, cols]];
      });
      return [id, Object.fromEntries(shapes)];
    });
    return { kind: 'tables', path, spaces: Object.fromEntries(tables) };
  } finally {
    await folder.close();
  }
}

async function inspectNpy(path: string, bytes: number): Promise<Finding> {
  const table = await openNpy(path);
  try {
    const { dtype, rows, cols } = table;
    return { kind: 'table', path, dtype, shape: [rows, cols], bytes, ...named(path), rows: await rowsOf(table) };
  } finally {
    await table.close();
  }
}

async function inspectSafetensors(path: string, bytes: number): Promise<Finding> {
  const file = await openSafetensors(path);
  try {
    const tensors = file.names.map((name) => {
      const { dtype, shape } = file.info(name);
      return [name, `${dtype} [${shape.join(', ')}]`];
    });
    const { metadata } = file;
    return { kind: 'tensors', path, bytes, ...named(path), tensors: Object.fromEntries(tensors), metadata };
  } finally {
    await file.close();
  }
}

async function inspectCheckpoint(path: string, bytes: number): Promise<Finding> {
  const { readCheckpoint } = await import('@freebind/torch');
  const checkpoint = await readCheckpoint(path);
  try {
    const tensors = [...checkpoint.tensors].map(([name, { dtype, shape }]) => [name, `${dtype} [${shape.join(', ')}]`]);
    return { kind: 'PyTorch checkpoint', path, format: checkpoint.format, bytes, tensors: Object.fromEntries(tensors) };
  } finally {
    await checkpoint.close();
  }
}

async function inspectConfig(path: string): Promise<Finding> {
  const content = extname(path) === '.json' ? await readJson(path) : undefined;
  if (typeof content === 'object' && content !== null && 'base' in content && 'steps' in content) {
    // `recipe` checks an object as if it came from anywhere.
    const parsed = recipe(content as Recipe);
    return { kind: 'recipe', path, recipe: formatRecipe(parsed), ...(parsed.presets && { presets: parsed.presets }) };
  }
  const { loadConfig } = await import('@freebind/core/config');
  return { kind: 'config', path, ...(await loadConfig({ path })) };
}

/** Space and modality, where the file's name says them. */
function named(path: string): { readonly space?: string; readonly modality?: string } {
  const name = parseTableName(basename(path));
  return name === undefined ? {} : { space: name.space, modality: name.modality };
}

/** What the first rows are like: unit, of some length, or with something in them that is refused elsewhere. */
async function rowsOf(table: Table): Promise<string> {
  const looked = Math.min(table.rows, SAMPLE);
  const { rows, cols, data } = await table.read(0, looked);
  const bad = findBadRow({ rows, cols, data });
  if (bad !== undefined)
    return `row ${bad.row} ${bad.problem === 'zero row' ? 'is all zeros' : `holds ${bad.problem}`}`;
  const lengths = Array.from({ length: rows }, (_, r) => Math.hypot(...data.subarray(r * cols, (r + 1) * cols)));
  const [low, high] = [Math.min(...lengths), Math.max(...lengths)];
  const of = looked < table.rows ? `the first ${looked}` : 'all';
  if (Math.max(high - 1, 1 - low) <= UNIT_TOLERANCE) return `${of} of length 1`;
  return `${of} of length ${low.toPrecision(3)} to ${high.toPrecision(3)}, not unit rows`;
}

/** Provenance with loss curves as their ends: the whole of one is in the file. */
function brief({ lossCurve, ...rest }: Provenance): Readonly<Record<string, unknown>> {
  if (lossCurve === undefined) return { ...rest };
  const ends = Object.entries(lossCurve).map(([head, losses]) => {
    const [first, last] = [losses[0], losses.at(-1)];
    return [head, `${first?.toFixed(3) ?? '?'} to ${last?.toFixed(3) ?? '?'} nats in ${losses.length} steps`];
  });
  return { ...rest, loss: Object.fromEntries(ends) };
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
}
