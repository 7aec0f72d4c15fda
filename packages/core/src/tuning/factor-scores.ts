import type { Backend, BankRunner } from '../backend.ts';
import type { Composition, Projections } from '../composition.ts';
import { FreebindError } from '../errors.ts';
import { type Direction, directionsOf } from '../evaluation/directions.ts';
import type { Factors } from '../recipe.ts';
import type { Embeddings } from '../space.ts';
import { tableOf } from '../table.ts';
import type { ProjectedItems } from './validation.ts';

/** One factor of a recipe: of a modality in a step. */
export interface FactorAxis {
  /** Counted from 1. */
  readonly step: number;
  readonly modality: string;
  /** As factors are written: `2.text`. */
  readonly key: string;
}

/** A factor for every axis. */
export type Point = readonly number[];

/** Numbers of stacked query rows in memory at once: 64 MiB of float32. */
const STACK = 2 ** 24;

/** Numbers of mixed rows that are kept for the next direction: 256 MiB of float32. Mixing again costs little beside a search. */
const KEPT = 2 ** 26;

/**
 * Recall at k of a composition in every direction, at any choice of factors. A modality's mixed rows depend on its own factors
 * only, so each is mixed once a choice, and a direction is ranked once a pair of choices, for as many points as share it.
 */
export class FactorScores {
  readonly items: number;
  readonly axes: readonly FactorAxis[];
  readonly directions: ReturnType<typeof directionsOf>;
  readonly #composition: Composition;
  readonly #projections: ReadonlyMap<string, Projections>;
  readonly #options: { readonly backend: Backend; readonly k: number; readonly signal?: AbortSignal | undefined };
  /** By direction, and the factors of its two modalities. */
  readonly #recalls = new Map<string, number>();
  readonly #points = new Map<string, Point>();

  constructor(
    composition: Composition,
    { items, byModality }: ProjectedItems,
    options: { readonly backend: Backend; readonly k: number; readonly signal?: AbortSignal | undefined },
  ) {
    this.#composition = composition;
    this.items = items;
    this.#projections = byModality;
    this.#options = options;
    this.directions = directionsOf([...byModality.keys()]);
    this.axes = composition.plan.steps.flatMap(({ mixed }, index) =>
      mixed.map((modality) => ({ step: index + 1, modality, key: `${index + 1}.${modality}` })),
    );
  }

  /** The recipe's own factors. */
  get start(): Point {
    const factors = this.#composition.factors();
    return this.axes.map(({ step, modality }) => factors[step - 1]?.[modality] ?? 0);
  }

  /** Every point that was scored, in that order. */
  get points(): readonly Point[] {
    return [...this.#points.values()];
  }

  /** A point as factors of a recipe. */
  factors(point: Point): Factors {
    return Object.fromEntries(this.axes.map(({ key }, a) => [key, point[a] ?? 0]));
  }

  /** The recall of a point that was scored, in the order of `directions`. */
  values(point: Point): readonly number[] {
    return this.directions.map(({ direction, query, item }) => {
      const value = this.#recalls.get(this.#key(direction, this.#variant(query, point), this.#variant(item, point)));
      if (value === undefined) throw new Error(`The point ${this.#pointKey(point)} was not scored.`);
      return value;
    });
  }

  /** Scores what is not yet known of `points`. `onProgress` is told rows that were ranked and their number in all. */
  async score(points: readonly Point[], onProgress?: (done: number, total: number) => void): Promise<void> {
    const work = this.directions.map((sides) => ({ ...sides, galleries: this.#unknown(sides, points) }));
    const matrices = work.flatMap(({ galleries }) => [...galleries.values()].map(({ queries }) => queries.size));
    const total = matrices.reduce((a, b) => a + b, 0);
    const mixed = new Map<string, Embeddings>();
    const mix = async (modality: string, point: Point): Promise<Embeddings> => {
      const key = `${modality} ${this.#variant(modality, point)}`;
      const rows = mixed.get(key) ?? (await this.#mix(modality, point));
      if (mixed.size * rows.data.length > KEPT) mixed.clear();
      mixed.set(key, rows);
      return rows;
    };
    let done = 0;
    for (const { direction, query, item, galleries } of work) {
      let stack: Stack | undefined;
      for (const [itemVariant, { point, queries }] of galleries) {
        const rows = await mix(item, point);
        const gallery = await this.#options.backend.openBank({ keys: tableOf(rows, `mixed ${item}`) });
        try {
          const atOnce = Math.max(1, Math.floor(STACK / rows.data.length));
          const variants = [...queries];
          for (let first = 0; first < variants.length; first += atOnce) {
            const chunk = variants.slice(first, first + atOnce);
            const key = chunk.map(([variant]) => variant).join(';');
            if (stack?.key !== key) stack = { key, rows: await stackRows(chunk, (choice) => mix(query, choice)) };
            const recalls = await this.#recallOf(stack.rows, gallery);
            chunk.forEach(([variant], v) => {
              this.#recalls.set(this.#key(direction, variant, itemVariant), recalls[v] ?? NaN);
            });
            done += chunk.length;
            onProgress?.(done * this.items, total * this.items);
          }
        } finally {
          await gallery.close();
        }
      }
    }
    for (const point of points) this.#points.set(this.#pointKey(point), point);
  }

  /** For each choice of factors of the gallery those of the queries that it has not been ranked with. */
  #unknown(
    { direction, query, item }: FactorScores['directions'][number],
    points: readonly Point[],
  ): ReadonlyMap<string, { readonly point: Point; readonly queries: Map<string, Point> }> {
    const galleries = new Map<string, { readonly point: Point; readonly queries: Map<string, Point> }>();
    for (const point of points) {
      const [queryVariant, itemVariant] = [this.#variant(query, point), this.#variant(item, point)];
      if (this.#recalls.has(this.#key(direction, queryVariant, itemVariant))) continue;
      const known = galleries.get(itemVariant) ?? { point, queries: new Map<string, Point>() };
      known.queries.set(queryVariant, point);
      galleries.set(itemVariant, known);
    }
    return galleries;
  }

  /** Recall at k of several variants of the same queries, stacked, in one gallery. The first k are enough; nobody asks for ranks. */
  async #recallOf(queries: Embeddings, gallery: BankRunner): Promise<readonly number[]> {
    const { k, signal } = this.#options;
    if (signal?.aborted === true) {
      throw new FreebindError('FREEBIND_ABORTED', 'Tuning was stopped; nothing was chosen.', { cause: signal.reason });
    }
    const { indices } = await gallery.topK(queries, k);
    const found = indices.length / queries.rows;
    const hits = new Float64Array(queries.rows / this.items);
    for (let row = 0; row < queries.rows; row++) {
      const variant = Math.floor(row / this.items);
      // Every variant of item i stands in row i of its part, and the gallery's row i is item i.
      const hit = indices.subarray(row * found, (row + 1) * found).includes(row % this.items);
      hits[variant] = (hits[variant] ?? 0) + Number(hit);
    }
    return Array.from(hits, (count) => count / this.items);
  }

  async #mix(modality: string, point: Point): Promise<Embeddings> {
    const projections = this.#projections.get(modality);
    if (projections === undefined) throw new Error(`${modality} was not projected.`);
    return this.#composition.mix(projections, this.#composition.factors(this.factors(point)));
  }

  /** What decides a modality's rows: its own factors. */
  #variant(modality: string, point: Point): string {
    let key = '';
    this.axes.forEach((axis, a) => {
      if (axis.modality === modality) key += `${point[a] ?? 0},`;
    });
    return key;
  }

  #pointKey(point: Point): string {
    return point.join();
  }

  #key(direction: Direction, query: string, item: string): string {
    return `${direction} ${query} ${item}`;
  }
}

interface Stack {
  readonly key: string;
  readonly rows: Embeddings;
}

/** The rows of several variants of one modality, one below the other. */
async function stackRows(
  variants: readonly (readonly [string, Point])[],
  mix: (point: Point) => Promise<Embeddings>,
): Promise<Embeddings> {
  const parts: Embeddings[] = [];
  for (const [, point] of variants) parts.push(await mix(point));
  const [first] = parts;
  if (first === undefined) throw new Error('There is at least one variant.');
  const { length } = first.data;
  const data =
    first.data instanceof Float64Array
      ? new Float64Array(parts.length * length)
      : new Float32Array(parts.length * length);
  parts.forEach((part, p) => data.set(part.data, p * length));
  return { ...first, rows: parts.length * first.rows, data };
}
