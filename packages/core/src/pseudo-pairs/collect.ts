import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend, BankRunner } from '../backend.ts';
import { FreebindError } from '../errors.ts';
import { createNpy, type NpyTable, openNpy } from '../files/npy.ts';
import { tablePath } from '../files/table-name.ts';
import { normaliseRows } from '../matrix.ts';
import { random } from '../random.ts';
import { selectRows, type Table } from '../table.ts';
import { paceMeter, type TrainingEvent } from '../training/events.ts';
import { unitRows } from '../unit-rows.ts';
import { checkPair, type Party, type SpaceTables, type TupleColumn, tupleColumns } from './tuples.ts';

/** What to collect pseudo pairs from and where to keep them. */
export interface CollectOptions {
  /** Unpaired items: rows of one modality are the same items in both spaces, rows of two modalities need not be related. */
  readonly unified: SpaceTables;
  readonly expert: SpaceTables;
  readonly backend: Backend;
  /** Holds one table folder a source modality. Tables that are there already are kept: the caller answers for their origin. */
  readonly folder: string;
  /** Source modalities; default all of the unified space's. */
  readonly sources?: readonly string[];
  /** τ₁ of aggregation. Default 1/100. */
  readonly temperature?: number;
  /** Whether aggregated rows are divided by their norm. Default true. */
  readonly normalise?: boolean;
  /** Most items that a memory bank holds, a seeded sample of its collection. Default all. */
  readonly bank?: number;
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

/** Row-aligned tables of one source modality: row i of every table is item i of the source. */
export interface Tuples {
  readonly unified: Readonly<Record<string, Table>>;
  readonly expert: Readonly<Record<string, Table>>;
}

/** Pseudo pairs, by source modality. */
export interface PseudoPairs {
  readonly tuples: Readonly<Record<string, Tuples>>;
  readonly close: () => Promise<void>;
}

/** Temperature of aggregation, τ₁ (FreeBind, section 4.1: 1/100). */
export const AGGREGATION_TEMPERATURE = 0.01;

/** Queries that are aggregated at once: 16 MiB of float32 at 1024 columns. */
const TILE = 4096;

interface Column extends TupleColumn {
  readonly source: string;
  readonly scoredIn: Party;
  readonly path: string;
}

/**
 * Makes a semantically consistent tuple of rows for every source item from unpaired collections (FreeBind, section 3.2), one
 * `.npy` file a column, in tiles: memory does not grow with the number of rows. The source's own rows are not copied. A
 * collection that was interrupted goes on with the first file that is missing.
 *
 * @throws what `checkPair` refuses; FREEBIND_NUMBER_INVALID for rows that are not finite unit rows
 * @throws FREEBIND_ABORTED FREEBIND_WRITE_FAILED FREEBIND_ARGUMENT_INVALID for a source that the unified space lacks
 */
export async function* collectPseudoPairs(
  options: CollectOptions,
): AsyncGenerator<TrainingEvent, PseudoPairs, undefined> {
  const { unified, expert, folder, backend } = options;
  checkPair(unified, expert);
  const parties = { unified, expert };
  const sources = options.sources ?? Object.keys(unified.tables);
  const unitTable = (party: Party, modality: string): Table => unitRows(findTable(parties[party], modality));
  const columnsOf = (source: string): readonly TupleColumn[] =>
    tupleColumns(Object.keys(unified.tables), Object.keys(expert.tables), source);

  const columns = sources.flatMap((source) =>
    columnsOf(source).flatMap(({ party, modality, scoredIn }): readonly Column[] => {
      if (scoredIn === undefined) return [];
      const path = tablePath(join(folder, encodeURIComponent(source)), parties[party].space, modality);
      return [{ source, party, modality, scoredIn, path }];
    }),
  );
  const missing: Column[] = [];
  for (const column of columns) if (!(await exists(column.path))) missing.push(column);

  const rowsOf = ({ source }: Column): number => findTable(unified, source).rows;
  const total = columns.reduce((sum, column) => sum + rowsOf(column), 0);
  let done = total - missing.reduce((sum, column) => sum + rowsOf(column), 0);
  const stage = 'pseudo pairs';
  yield { type: 'stage', stage, done, total };

  const pace = paceMeter();
  // One bank serves every source that asks it, so it is opened once.
  for (const group of groupByBank(missing)) {
    const [{ modality, party, scoredIn }] = group;
    const sample = sampleOf(modality, findTable(parties[scoredIn], modality).rows, options);
    const bankOf = (side: Party): Table =>
      sample === undefined ? unitTable(side, modality) : selectRows(unitTable(side, modality), sample);
    const keys = bankOf(scoredIn);
    const runner = await backend.openBank(party === scoredIn ? { keys } : { keys, values: bankOf(party) });
    try {
      for (const column of group) {
        const queries = unitTable(scoredIn, column.source);
        for await (const rows of aggregateColumn(column, { options, queries, runner, cols: bankOf(party).cols })) {
          done += rows;
          yield { type: 'rows', stage, done, total, ...pace(rows, total - done) };
        }
      }
    } finally {
      await runner.close();
    }
  }

  const opened: NpyTable[] = [];
  const close = async (): Promise<void> => void (await Promise.all(opened.map((table) => table.close())));
  try {
    const tuples: Record<string, Tuples> = {};
    for (const source of sources) {
      const sides: Record<Party, Record<string, Table>> = { unified: {}, expert: {} };
      for (const { party, modality, scoredIn } of columnsOf(source)) {
        const made = columns.find((c) => c.source === source && c.party === party && c.modality === modality);
        const table = made === undefined ? undefined : await openNpy(made.path);
        if (table !== undefined) opened.push(table);
        sides[party][modality] = table ?? unitTable(party, scoredIn === undefined ? source : modality);
      }
      tuples[source] = sides;
    }
    yield { type: 'done', stage, path: folder, ...(missing.length === 0 && { reused: true }) };
    return { tuples, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Writes one column; yields the numbers of rows that were made. */
async function* aggregateColumn(
  { path, source, modality, party }: Column,
  {
    options,
    queries,
    runner,
    cols,
  }: {
    readonly options: CollectOptions;
    readonly queries: Table;
    readonly runner: BankRunner;
    readonly cols: number;
  },
): AsyncGenerator<number, void, undefined> {
  const { backend, temperature = AGGREGATION_TEMPERATURE, normalise = true } = options;
  const writer = await createNpy(path, { cols, dtype: backend.manifest.precision === 'float64' ? 'f8' : 'f4' });
  try {
    for (let start = 0; start < queries.rows; start += TILE) {
      if (options.signal?.aborted === true) {
        throw new FreebindError(
          'FREEBIND_ABORTED',
          `Collecting pseudo pairs was stopped at row ${start} of ${queries.rows} of ${source} → ${options[party].space}'s ${modality}. Finished tables are kept; resume to go on.`,
          { cause: options.signal.reason },
        );
      }
      const end = Math.min(start + TILE, queries.rows);
      const rows = await runner.aggregate(await queries.read(start, end), temperature);
      await writer.append(normalise ? normaliseRows(rows) : rows);
      yield end - start;
    }
    await writer.commit();
  } finally {
    await writer.discard();
  }
}

function groupByBank(columns: readonly Column[]): readonly (readonly [Column, ...Column[]])[] {
  const groups = new Map<string, [Column, ...Column[]]>();
  for (const column of columns) {
    const key = `${column.scoredIn} ${column.party} ${column.modality}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [column]);
    else group.push(column);
  }
  return [...groups.values()];
}

/** Rows of a bank, in their own order, or undefined for all. One sample a modality, whichever space it is seen in. */
function sampleOf(modality: string, rows: number, { bank, seed = 0 }: CollectOptions): Int32Array | undefined {
  if (bank === undefined || bank >= rows) return undefined;
  if (!Number.isSafeInteger(bank) || bank < 1) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `A memory bank of ${bank} items was asked for; it needs a whole number of at least 1.`,
    );
  }
  return random(seed, 'bank', modality).permutation(rows).slice(0, bank).sort();
}

function findTable({ space, tables }: SpaceTables, modality: string): Table {
  const table = Object.hasOwn(tables, modality) ? tables[modality] : undefined;
  if (table !== undefined) return table;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `"${space}" has no table of ${modality}; it has ${Object.keys(tables).join(', ')}.`,
  );
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
