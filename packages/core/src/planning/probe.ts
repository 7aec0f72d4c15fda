import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Backend } from '../backend.ts';
import { fingerprint } from '../files/fingerprint.ts';
import { openNpy, writeNpy } from '../files/npy.ts';
import { seal } from '../files/seal.ts';
import { fitLatents } from '../fusemix/latents.ts';
import { type Matrix, normaliseRows, sliceRows } from '../matrix.ts';
import { initialise, inputWidth } from '../network.ts';
import { TILE } from '../pseudo-pairs/columns.ts';
import { normalMatrix, random } from '../random.ts';
import { tableOf } from '../table.ts';
import { ADAM } from '../training/bond-options.ts';
import { unitRows } from '../unit-rows.ts';
import { type AggregateWork, type FitWork, type ProjectWork, trainingStepOperations, type TrainWork } from './work.ts';

/** A run of a probe is at most about this long; the median of three is taken, after one that warms up. */
const RUN_SECONDS = 0.5;
const RUNS = 3;
/** Numbers of the file that reading and writing are measured with: 8 MiB of float32. */
const FILE_NUMBERS = 2 ** 21;

/** Two numbers that a time follows from: seconds = fixed + each · amount. */
export interface Line {
  readonly fixed: number;
  readonly each: number;
}

/** Seconds of a training step in its operations, and of what comes before the first. */
export interface TriedStep {
  readonly line: Line;
  readonly start: number;
}

/** What a machine was found to take. Rates of files are those of files that the system has in memory, as it has what was just written. */
export interface DiskRates {
  /** Seconds to read, check and hash a number of a float16 table. */
  readonly check: number;
  /** Seconds to read a byte of a float32 table into memory. */
  readonly read: number;
  /** Seconds to write a byte so that it stays, and to seal it. */
  readonly write: number;
}

/** A line through two measurements, or through one and the origin; never one that falls. */
export function lineThrough(
  [x1, y1]: readonly [amount: number, seconds: number],
  [x2, y2]: readonly [amount: number, seconds: number],
): Line {
  const each = (y2 - y1) / (x2 - x1);
  const fixed = y2 - each * x2;
  // Noise: what is left is that time grows as work does.
  return each > 0 && fixed >= 0 && x2 > x1 ? { fixed, each } : { fixed: 0, each: y2 / x2 };
}

/** Times small pieces of work on a backend, each as the real thing does it. */
export class Probe {
  readonly #backend: Backend;
  /** Operations of one run. */
  readonly #budget: number;
  readonly #rows = new Map<number, Matrix>();
  /** Works of one shape are tried once. */
  readonly #tried = new Map<string, Promise<unknown>>();

  /** @param gflops the backend's rate, as `measureBackend` tells it */
  constructor(backend: Backend, gflops: number) {
    this.#backend = backend;
    this.#budget = RUN_SECONDS * gflops * 1e9;
  }

  /** Seconds of aggregating `queries` rows over a bank, as a line in its rows. */
  async aggregation(work: AggregateWork): Promise<{ readonly queries: number; readonly line: Line }> {
    const { keyCols, valueCols, own } = work;
    const perScore = 2 * (keyCols + valueCols);
    const queries = clamp(Math.sqrt(this.#budget / perScore), 16, Math.min(work.queries, TILE));
    const bank = clamp(this.#budget / (queries * perScore), 16, work.bank);
    const line = await this.#once({ queries, bank, keyCols, valueCols, own }, () =>
      this.#timeAggregation(work, queries, bank),
    );
    return { queries, line };
  }

  async #timeAggregation({ keyCols, valueCols, own }: AggregateWork, queries: number, bank: number): Promise<Line> {
    const given = sliceRows(this.#unit(TILE, keyCols), 0, queries);
    const seconds = async (rows: number): Promise<number> => {
      const table = (cols: number): ReturnType<typeof unitRows> =>
        unitRows(tableOf(sliceRows(this.#unit(rows, cols), 0, rows)));
      const keys = table(keyCols);
      const runner = await this.#backend.openBank(own ? { keys } : { keys, values: table(valueCols) });
      try {
        return await timed(async () => {
          normaliseRows(await runner.aggregate(normaliseRows({ ...given, data: given.data.slice() }), 0.01));
        });
      } finally {
        await runner.close();
      }
    };
    if (bank < 48) return { fixed: 0, each: (await seconds(bank)) / bank };
    const third = Math.floor(bank / 3);
    return lineThrough([third, await seconds(third)], [bank, await seconds(bank)]);
  }

  /** Seconds of a training step, as a line in its operations, and of what comes before the first. */
  step(work: TrainWork): Promise<TriedStep> {
    const { batch, mixup, networks, objective, tables } = work;
    return this.#once({ batch, mixup, networks, objective, tables }, () => this.#timeSteps(work));
  }

  async #timeSteps(work: TrainWork): Promise<TriedStep> {
    const operations = (batch: number): number => trainingStepOperations({ ...work, batch });
    let { batch } = work;
    while (batch > 32 && operations(batch) > this.#budget) batch = 2 * Math.ceil(batch / 4);
    const large = await this.#timeStep(work, batch);
    const at = [operations(batch), large.seconds] as const;
    // A batch that was tried needs no line.
    if (batch === work.batch) return { start: large.start, line: { fixed: 0, each: at[1] / at[0] } };
    const half = 2 * Math.ceil(batch / 4);
    const small = await this.#timeStep(work, half);
    return { start: large.start, line: lineThrough([operations(half), small.seconds], at) };
  }

  async #timeStep(work: TrainWork, batch: number): Promise<{ readonly seconds: number; readonly start: number }> {
    const started = performance.now();
    const tables = Object.entries(work.tables).map(([name, cols]) => [
      name,
      tableOf(sliceRows(this.#unit(batch, cols), 0, batch)),
    ]);
    const networks = Object.entries(work.networks).map(([name, layers]) => [
      name,
      initialise(layers, random('plan', name), 'fan-in'),
    ]);
    const made = performance.now();
    const trainer = await this.#backend.openTrainer({
      networks: Object.fromEntries(networks),
      tables: Object.fromEntries(tables),
      objective: work.objective,
      optimizer: ADAM,
      batch,
      mixup: work.mixup,
    });
    const rows = Int32Array.from({ length: batch }, (_, row) => row);
    const step = (): Promise<unknown> => trainer.step({ rows, learningRate: 1e-3, ...(work.mixup && { mix: 0.5 }) });
    try {
      await step();
      const first = (performance.now() - made) / 1e3;
      const seconds = await timed(step);
      // Weights are made in a real run too.
      return { seconds, start: Math.max(0, first - seconds) + (made - started) / 1e3 };
    } finally {
      await trainer.close();
    }
  }

  /** Seconds a row of a projection. */
  projection({ rows, mixture }: ProjectWork): Promise<number> {
    return this.#once({ rows: Math.min(rows, TILE), mixture }, () => this.#timeProjection(rows, mixture));
  }

  async #timeProjection(rows: number, mixture: ProjectWork['mixture']): Promise<number> {
    const [first = []] = mixture;
    const cols = inputWidth(first);
    const count = clamp(this.#budget / (2 * mixture.length * cols * cols), 16, Math.min(rows, TILE));
    const given = sliceRows(this.#unit(TILE, cols), 0, count);
    const runner = await this.#backend.openProjector(
      mixture.map((layers, i) => initialise(layers, random('plan', i), 'fan-in')),
    );
    try {
      return (await timed(async () => void (await runner.project(given)))) / count;
    } finally {
      await runner.close();
    }
  }

  /** Seconds of fitting latents, as a line in their rows. */
  async fitting({ rows, cols, axes }: FitWork): Promise<Line> {
    const seconds = async (count: number): Promise<number> => {
      const table = tableOf(sliceRows(this.#unit(count, cols), 0, count));
      const start = performance.now();
      await fitLatents(
        table,
        { standardise: true, ...(axes !== undefined && { reduce: axes, whiten: axes === cols }) },
        { backend: this.#backend, seed: 0 },
      );
      return (performance.now() - start) / 1e3;
    };
    await seconds(Math.min(rows, 64)); // so that what is timed is compiled
    const most = Math.min(rows, 2 * TILE);
    const third = Math.ceil(most / 3);
    return lineThrough([third, await seconds(third)], [most, await seconds(most)]);
  }

  /** What files take, measured with one in the system's temporary folder. */
  async disk(): Promise<DiskRates> {
    const folder = await mkdtemp(join(tmpdir(), 'freebind-plan-'));
    try {
      const cols = 512;
      const rows = this.#unit(FILE_NUMBERS / cols, cols);
      const [half, full] = [join(folder, 'half.npy'), join(folder, 'full.npy')];
      const writing = await timed(async () => {
        await writeNpy(full, rows, { dtype: 'f4' });
        await seal(full);
      });
      await writeNpy(half, rows, { dtype: 'f2' });
      const table = await openNpy(half);
      const checking = await timed(async () => void (await fingerprint(unitRows(table))));
      await table.close();
      const whole = await openNpy(full);
      const reading = await timed(async () => void (await whole.read(0, whole.rows)));
      await whole.close();
      const bytes = 4 * FILE_NUMBERS;
      return { check: checking / FILE_NUMBERS, read: reading / bytes, write: writing / bytes };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  #once<T>(what: unknown, time: () => Promise<T>): Promise<T> {
    const key = JSON.stringify(what);
    const found = (this.#tried.get(key) as Promise<T> | undefined) ?? time(); // of this key, made by this `time`
    this.#tried.set(key, found);
    return found;
  }

  /** At least `rows` unit rows; one matrix a width serves every probe, since drawing normals takes longer than using them. */
  #unit(rows: number, cols: number): Matrix {
    const known = this.#rows.get(cols);
    if (known !== undefined && known.rows >= rows) return known;
    const made = normaliseRows(normalMatrix(rows, cols, random('plan', cols)));
    this.#rows.set(cols, made);
    return made;
  }
}

/** Median seconds of a few runs, after one that is not counted. */
async function timed(run: () => Promise<unknown>): Promise<number> {
  await run();
  const times: number[] = [];
  while (times.length < RUNS) {
    const start = performance.now();
    await run();
    times.push((performance.now() - start) / 1e3);
  }
  return times.sort((a, b) => a - b)[Math.floor(RUNS / 2)] ?? Number.NaN;
}

function clamp(x: number, least: number, most: number): number {
  return Math.max(1, Math.min(most, Math.max(least, Math.floor(x))));
}
