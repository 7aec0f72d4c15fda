import { arithmeticOf } from '../arithmetic.ts';
import type { Backend } from '../backend.ts';
import { FreebindError } from '../errors.ts';
import { type Matrix, normaliseRows } from '../matrix.ts';
import { random } from '../random.ts';
import { selectRows, type Table } from '../table.ts';
import { unitRows } from '../unit-rows.ts';
import { checkPair, type Party, type SpaceTables, type TupleColumn, tupleColumns } from './tuples.ts';

/** What pseudo pairs are made of and how. */
export interface PairSources {
  /** Unpaired items: rows of one modality are the same items in both spaces, rows of two modalities need not be related. */
  readonly unified: SpaceTables;
  readonly expert: SpaceTables;
  readonly backend: Backend;
  /** Source modalities; default all of the unified space's. */
  readonly sources?: readonly string[];
  /** τ₁ of aggregation. Default 1/100. */
  readonly temperature?: number;
  /** Whether aggregated rows are divided by their norm. Default true. */
  readonly normalise?: boolean;
  /** Most items that a memory bank holds, a seeded sample of its collection. Default all. */
  readonly bank?: number;
  readonly seed?: number;
}

/** One table of pseudo pairs that is aggregated: for every item of `source`, a row of `modality` in `party`. */
export interface Column extends TupleColumn {
  readonly source: string;
  readonly scoredIn: Party;
  /** Items of the source. */
  readonly rows: number;
}

/** Temperature of aggregation, τ₁ (FreeBind, section 4.1: 1/100). */
export const AGGREGATION_TEMPERATURE = 0.01;

/** Queries that are aggregated at once: 16 MiB of float32 at 1024 columns. Ranges of rows begin at its multiples, so that whoever makes a row makes the same bits. */
export const TILE = 4096;

/** Source modalities of a collection. */
export const sourcesOf = ({ sources, unified }: PairSources): readonly string[] =>
  sources ?? Object.keys(unified.tables);

/** Every column of the tuples of `source`, aggregated or not. */
export function tuplesOf({ unified, expert }: PairSources, source: string): readonly TupleColumn[] {
  return tupleColumns(Object.keys(unified.tables), Object.keys(expert.tables), source);
}

/** The columns that have to be aggregated, by source. @throws what `checkPair` refuses; FREEBIND_ARGUMENT_INVALID for a source that the unified space lacks */
export function columnsOf(from: PairSources): readonly Column[] {
  checkPair(from.unified, from.expert);
  return sourcesOf(from).flatMap((source) => {
    const { rows } = findTable(from.unified, source);
    return tuplesOf(from, source).flatMap(({ party, modality, scoredIn }): readonly Column[] =>
      scoredIn === undefined ? [] : [{ source, party, modality, scoredIn, rows }],
    );
  });
}

/** A party's table of a modality: unit rows, checked as they are read. @throws FREEBIND_ARGUMENT_INVALID when there is none */
export function unitTable(from: PairSources, party: Party, modality: string): Table {
  return unitRows(findTable(from[party], modality));
}

/** A column and how to make any of its rows. */
export interface OpenColumn {
  readonly column: Column;
  /** Columns of its rows. */
  readonly cols: number;
  /** Rows `start` to `end`, aggregated. Throws FREEBIND_ABORTED when the signal says so. */
  readonly aggregate: (start: number, end: number) => Promise<Matrix>;
}

/** Opens the memory banks that columns ask, one at a time: one bank serves every source that asks it. */
export async function* openColumns(
  from: PairSources & { readonly signal?: AbortSignal },
  columns: readonly Column[],
): AsyncGenerator<OpenColumn, void, undefined> {
  const { backend, temperature = AGGREGATION_TEMPERATURE, normalise = true } = from;
  for (const group of groupByBank(columns)) {
    const [{ modality, party, scoredIn }] = group;
    const sample = bankSample(from, modality, findTable(from[scoredIn], modality).rows);
    const bankOf = (side: Party): Table =>
      sample === undefined
        ? unitTable(from, side, modality)
        : selectRows(unitTable(from, side, modality), bankRows(from, modality, sample));
    const keys = bankOf(scoredIn);
    const values = bankOf(party);
    const runner = await backend.openBank(party === scoredIn ? { keys } : { keys, values });
    try {
      for (const column of group) {
        const queries = unitTable(from, scoredIn, column.source);
        const aggregate = async (start: number, end: number): Promise<Matrix> => {
          if (from.signal?.aborted === true) throw stopped(from, column, start);
          const rows = await runner.aggregate(await queries.read(start, end), temperature);
          return normalise ? normaliseRows(rows) : rows;
        };
        yield { column, cols: values.cols, aggregate };
      }
    } finally {
      await runner.close();
    }
  }
}

/** What a column's rows follow from, as plain data, for tables of these fingerprints: two columns of one identity have the same rows. */
export function columnIdentity(
  from: PairSources,
  { source, party, modality, scoredIn, rows }: Column,
  fingerprints: Readonly<Record<string, string>>,
): unknown {
  const { temperature = AGGREGATION_TEMPERATURE, normalise = true, backend } = from;
  // With the modality: tables that are still to be composed share a fingerprint that says what all of them are made of.
  const print = (side: Party, name: string): string => `${name} ${fingerprints[`${from[side].space}.${name}`] ?? ''}`;
  const size = bankSample(from, modality, findTable(from[scoredIn], modality).rows);
  return {
    kind: 'pseudo pairs',
    queries: print(scoredIn, source),
    keys: print(scoredIn, modality),
    values: print(party, modality),
    rows,
    temperature,
    normalise,
    ...(size !== undefined && { bank: { size, modality, seed: from.seed ?? 0 } }),
    backend: arithmeticOf(backend.manifest),
  };
}

function stopped(from: PairSources & { readonly signal?: AbortSignal }, column: Column, row: number): FreebindError {
  return new FreebindError(
    'FREEBIND_ABORTED',
    `Collecting pseudo pairs was stopped at row ${row} of ${column.rows} of ${column.source} → ${from[column.party].space}'s ${column.modality}. Finished tables are kept; resume to go on.`,
    { cause: from.signal?.reason },
  );
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

/** How many items of a bank to draw, or undefined for all. */
function bankSample({ bank }: PairSources, modality: string, rows: number): number | undefined {
  if (bank === undefined || bank >= rows) return undefined;
  if (!Number.isSafeInteger(bank) || bank < 1) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `A memory bank of ${bank} items of ${modality} was asked for; it needs a whole number of at least 1.`,
    );
  }
  return bank;
}

/** Rows of a bank's sample, in their own order. One sample a modality, whichever space it is seen in. */
function bankRows(from: PairSources, modality: string, size: number): Int32Array {
  const { rows } = from.unified.tables[modality] ?? findTable(from.expert, modality);
  return random(from.seed ?? 0, 'bank', modality)
    .permutation(rows)
    .slice(0, size)
    .sort();
}

function findTable({ space, tables }: SpaceTables, modality: string): Table {
  const table = Object.hasOwn(tables, modality) ? tables[modality] : undefined;
  if (table !== undefined) return table;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `"${space}" has no table of ${modality}; it has ${Object.keys(tables).join(', ')}.`,
  );
}
