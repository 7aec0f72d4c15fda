import type { SpaceShape } from './bonding.ts';
import type { Composition } from './composition.ts';
import { FreebindError } from './errors.ts';
import type { FactorChoice } from './factors.ts';
import type { Embeddings } from './space.ts';
import type { Table } from './table.ts';
import { unitRows } from './unit-rows.ts';

/** Rows that are composed at a time: 4 MiB a space of 1024 columns, and enough for a large-GEMM rate. */
const TILE = 1024;

/** Tables by space and modality, row i of a modality being the same item in every space: a folder of them, as `openTables` gives it. */
export interface Tables {
  readonly spaces: readonly string[];
  /** Modalities that `space` has tables of. */
  modalities(space: string): readonly string[];
  /** @throws FREEBIND_FILE_MISSING */
  table(space: string, modality: string): Table;
}

/** What tables tell of the spaces they are from, enough to plan a recipe. @throws FREEBIND_SHAPE_MISMATCH when one space's tables differ in width */
export function shapesOf(tables: Tables): readonly SpaceShape[] {
  return tables.spaces.map((id) => {
    const modalities = tables.modalities(id);
    const [first, ...others] = modalities.map((modality) => tables.table(id, modality));
    const odd = others.find((table) => table.cols !== first?.cols);
    if (first === undefined || odd === undefined) return { id, dimension: first?.cols ?? 0, modalities };
    throw new FreebindError(
      'FREEBIND_SHAPE_MISMATCH',
      `${first.source} has ${first.cols} columns and ${odd.source} has ${odd.cols}, but both are of the space "${id}", which has one dimension. Give each space a name of its own.`,
    );
  });
}

/**
 * Composes the tables of one modality tile by tile, in order: the yielded unit rows, one below the other, are the bound
 * space's table. Memory does not grow with the number of rows. Everything but the rows is checked before the first tile.
 *
 * @throws FREEBIND_FACTOR_INVALID FREEBIND_CAPABILITY_MISSING FREEBIND_FILE_MISSING FREEBIND_SHAPE_MISMATCH FREEBIND_ROWS_MISALIGNED
 * @throws FREEBIND_NUMBER_INVALID when a row is not finite or not of length 1; FREEBIND_ABORTED
 */
export async function* composeTables(
  composition: Composition,
  tables: Tables,
  modality: string,
  options: { readonly factors?: FactorChoice; readonly tile?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<Embeddings, void, undefined> {
  const factors = composition.factors(options.factors);
  const members = alignedMembers(composition, tables, modality);
  const rows = members[0]?.table.rows ?? 0;
  const tile = options.tile ?? TILE;
  for (let start = 0; start < rows; start += tile) {
    if (options.signal?.aborted === true) {
      throw new FreebindError('FREEBIND_ABORTED', `Composing ${modality} was stopped at row ${start} of ${rows}.`, {
        cause: options.signal.reason,
      });
    }
    const end = Math.min(start + tile, rows);
    const own = new Map<string, Embeddings>();
    for (const { id, table } of members) own.set(id, { ...(await table.read(start, end)), space: id, unit: true });
    yield await composition.mix(await composition.project(modality, own), factors);
  }
}

function alignedMembers(
  composition: Composition,
  tables: Tables,
  modality: string,
): readonly { readonly id: string; readonly table: Table }[] {
  const members = composition.members(modality).map(({ id, dimension }) => {
    const table = tables.table(id, modality);
    if (table.cols === dimension) return { id, table: unitRows(table) };
    throw new FreebindError(
      'FREEBIND_SHAPE_MISMATCH',
      `${table.source} has ${table.cols} columns, but embeddings of "${id}" have ${dimension}. Give the table of that space.`,
    );
  });
  if (new Set(members.map(({ table }) => table.rows)).size > 1) {
    throw new FreebindError(
      'FREEBIND_ROWS_MISALIGNED',
      `Tables of ${modality} differ in their number of rows: ${members.map(({ table }) => `${table.source} ${table.rows}`).join(', ')}. Row i must be the same item in every space; embed the same items with each.`,
    );
  }
  return members;
}
