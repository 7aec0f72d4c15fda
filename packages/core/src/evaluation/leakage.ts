import type { Backend } from '../backend.ts';
import { FreebindError } from '../errors.ts';
import type { Matrix } from '../matrix.ts';
import type { Table } from '../table.ts';
import { normalised, readUnit } from './cosine-tiles.ts';

/** Rows of one modality in one space that were trained on, or are evaluated. */
export interface ItemPool {
  /** What people call it, for the result: `fluent.image`. */
  readonly name: string;
  readonly modality: string;
  /** Embeddings can be compared within one space only. */
  readonly space: string;
  /** [n, d]. Rows need not be unit. */
  readonly table: Table;
  /** One a row, the same for the same item wherever it occurs. Without them a pool is not checked by id. */
  readonly ids?: readonly string[];
}

/** Where an item stands. */
export interface ItemPlace {
  readonly pool: string;
  readonly row: number;
  readonly id?: string;
}

/** An evaluated item that is also in a training pool. */
export interface Leak {
  readonly modality: string;
  readonly evaluation: ItemPlace;
  /** The first row of that id, or the nearest row. */
  readonly training: ItemPlace;
}

/** What a leakage check found. */
export interface LeakageReport {
  readonly byId: readonly Leak[];
  readonly byEmbedding: readonly (Leak & { readonly cosine: number })[];
  readonly threshold: number;
  /** Evaluation rows that were checked in each way, over all pools. */
  readonly checked: { readonly byId: number; readonly byEmbedding: number };
  /** One line for people. */
  readonly summary: string;
}

/** Cosine from which two rows count as one item: rounding both to float16 moves it by 5e-7 at most, another drawing or voice by far more. */
const NEAR_IDENTICAL = 0.999;

/** Query rows scored at a time. */
const TILE = 1024;

/**
 * Names the items that occur both in training pools and in evaluation, modality by modality: by id, and by an embedding that
 * is nearly the same, in pools of one space. Training pools are streamed through the backend's bank, so they may be large.
 *
 * @throws FREEBIND_ROWS_MISALIGNED when ids are not one a row, FREEBIND_SHAPE_MISMATCH when pools of one space differ in
 * width, FREEBIND_NUMBER_INVALID for a row that is NaN, infinite or zero, FREEBIND_ARGUMENT_INVALID for a threshold outside (0, 1)
 */
export async function findLeakage(options: {
  readonly training: readonly ItemPool[];
  readonly evaluation: readonly ItemPool[];
  readonly backend: Backend;
  readonly threshold?: number;
  readonly signal?: AbortSignal;
}): Promise<LeakageReport> {
  const { training, evaluation, threshold = NEAR_IDENTICAL, signal } = options;
  if (!(threshold > 0 && threshold < 1)) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `The threshold of near-identical embeddings is ${threshold}; it is a cosine between 0 and 1, such as ${NEAR_IDENTICAL}.`,
    );
  }
  for (const pool of [...training, ...evaluation]) checkIds(pool);
  const byId = evaluation.flatMap((pool) => sharedIds(pool, training));
  const byEmbedding = new Map<string, LeakageReport['byEmbedding'][number]>();
  for (const source of training) {
    const asked = evaluation.filter((pool) => comparable(pool, source));
    if (asked.length === 0 || source.table.rows === 0) continue;
    const bank = await options.backend.openBank({ keys: normalised(source.table) });
    try {
      for (const pool of asked) {
        for (let start = 0; start < pool.table.rows; start += TILE) {
          refuseAborted(signal);
          const queries = await readUnit(pool.table, start, Math.min(start + TILE, pool.table.rows));
          const { indices, scores } = await bank.topK(queries, 1);
          near(scores, threshold).forEach(({ at, cosine }) => {
            const evaluated = place(pool, start + at);
            const known = byEmbedding.get(`${pool.name}\0${evaluated.row}`);
            if (known !== undefined && known.cosine >= cosine) return;
            const leak = { modality: pool.modality, evaluation: evaluated, training: place(source, indices[at] ?? -1) };
            byEmbedding.set(`${pool.name}\0${evaluated.row}`, { ...leak, cosine });
          });
        }
      }
    } finally {
      await bank.close();
    }
  }
  const count = (checked: (pool: ItemPool) => boolean): number =>
    evaluation.filter(checked).reduce((sum, pool) => sum + pool.table.rows, 0);
  const checked = {
    byId: count((pool) => training.some((source) => idsComparable(pool, source))),
    byEmbedding: count((pool) => training.some((source) => comparable(pool, source))),
  };
  const found = { byId, byEmbedding: [...byEmbedding.values()], threshold, checked };
  return { ...found, summary: summarise(found) };
}

function comparable(a: ItemPool, b: ItemPool): boolean {
  return a.modality === b.modality && a.space === b.space;
}

function idsComparable(a: ItemPool, b: ItemPool): boolean {
  return a.modality === b.modality && a.ids !== undefined && b.ids !== undefined;
}

function sharedIds(pool: ItemPool, training: readonly ItemPool[]): readonly Leak[] {
  const places = new Map<string, ItemPlace>();
  for (const source of training.filter((each) => idsComparable(pool, each))) {
    source.ids?.forEach((id, row) => {
      if (!places.has(id)) places.set(id, place(source, row));
    });
  }
  return (pool.ids ?? []).flatMap((id, row) => {
    const trained = places.get(id);
    return trained === undefined ? [] : [{ modality: pool.modality, evaluation: place(pool, row), training: trained }];
  });
}

function place({ name, ids }: ItemPool, row: number): ItemPlace {
  const id = ids?.[row];
  return { pool: name, row, ...(id !== undefined && { id }) };
}

function near({ data }: Matrix, threshold: number): readonly { readonly at: number; readonly cosine: number }[] {
  return Array.from(data, (cosine, at) => ({ at, cosine })).filter(({ cosine }) => cosine >= threshold);
}

function checkIds({ name, table, ids }: ItemPool): void {
  if (ids === undefined || ids.length === table.rows) return;
  throw new FreebindError(
    'FREEBIND_ROWS_MISALIGNED',
    `${name} has ${table.rows} rows, but ${ids.length} ids were given for it; give one id a row.`,
  );
}

function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new FreebindError('FREEBIND_ABORTED', 'The leakage check was stopped.', { cause: signal.reason });
}

function summarise({ byId, byEmbedding, threshold, checked }: Omit<LeakageReport, 'summary'>): string {
  const looked = `${checked.byId} rows checked by id, ${checked.byEmbedding} by embedding (cosine from ${threshold})`;
  const [first] = [...byId, ...byEmbedding];
  if (first === undefined) return `No evaluated item was found in the training pools: ${looked}.`;
  const { evaluation, training } = first;
  const named = evaluation.id === undefined ? '' : ` "${evaluation.id}"`;
  return (
    `Evaluated items are in the training pools, ${byId.length} by id and ${byEmbedding.length} by embedding (${looked}); ` +
    `the first: ${evaluation.pool} row ${evaluation.row}${named} is ${training.pool} row ${training.row}.`
  );
}
