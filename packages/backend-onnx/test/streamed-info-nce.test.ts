import { describeBackend } from '@freebind/conformance/vitest';
import {
  type Matrix,
  matrix,
  normalMatrix,
  normaliseRows,
  random,
  type Table,
  tableOf,
  type TrainerOptions,
} from '@freebind/core';
import { afterAll, describe, expect, test } from 'vitest';
import { Graph } from '../src/graph.ts';
import { OnnxBackend } from '../src/onnx-backend.ts';
import { packRows } from '../src/packing.ts';
import type { Window } from '../src/session-protocol.ts';
import { type Session, Sessions } from '../src/sessions.ts';
import { type StreamedBatch, StreamedInfoNce } from '../src/streamed-info-nce.ts';

const D = 8;
const unit = (rows: number, name: string): Matrix => normaliseRows(normalMatrix(rows, D, random('streamed', name)));

const sessions = new Sessions({ device: 'cpu', threads: 2 });
const opened = new Map<string, Promise<Session>>();
afterAll(() => sessions.close());

function open(name: string, graph: () => Uint8Array): Promise<Session> {
  const session = opened.get(name) ?? sessions.open(graph());
  opened.set(name, session);
  return session;
}

/** `x` → `y`, the same rows: written where they are to lie, or read from there. */
function copyGraph(writes: boolean): Uint8Array {
  const graph = new Graph();
  if (writes) graph.outputUnreadable();
  graph.output('y', graph.input('x', ['n', D]));
  return graph.encode();
}

async function write(rows: Matrix, y: Window): Promise<void> {
  await (await open('write', () => copyGraph(true))).run({ x: packRows(rows) }, undefined, { y });
}

async function read(x: Window): Promise<ArrayLike<number>> {
  const { outputs } = await (await open('read', () => copyGraph(false))).run({}, undefined, { x });
  return Array.from(outputs['y']?.data ?? [], Number);
}

/** What both ways of computing give: Σ ½ (log Σ exp), and by how much the positives pull more than all others. */
interface Streamed {
  readonly logSums: number;
  readonly dx: ArrayLike<number>;
  readonly dy: ArrayLike<number> | undefined;
}

/** `scaled` is x/τ. */
async function stream(
  scaled: Matrix,
  y: Matrix,
  shared: boolean,
  how: Pick<StreamedBatch, 'trainsY' | 'tile'>,
): Promise<Streamed> {
  const n = y.rows;
  const pair = await StreamedInfoNce.open(sessions, open, { rows: n, cols: D, ...how });
  const into = pair.rows(0, n);
  await write(scaled, into.x);
  await write(y, into.y);
  const logSums = await pair.run(shared, { check: () => undefined });
  const from = pair.gradients(0, n);
  const found = { logSums, dx: await read(from.x), dy: from.y && (await read(from.y)) };
  await pair.close();
  return found;
}

/** The same in float64, and the largest row sum of ½ (P + Q). */
function oracle(scaled: Matrix, y: Matrix): Streamed & { readonly dy: ArrayLike<number>; readonly weight: number } {
  const n = y.rows;
  const z = Array.from({ length: n }, (_, i) =>
    Float64Array.from({ length: n }, (__, j) => {
      let sum = 0;
      for (let c = 0; c < D; c++) sum += (scaled.data[i * D + c] ?? 0) * (y.data[j * D + c] ?? 0);
      return sum;
    }),
  );
  const at = (i: number, j: number): number => z[i]?.[j] ?? Number.NaN;
  const logSum = (of: (k: number) => number): number => {
    let [highest, sum] = [-Infinity, 0];
    for (let k = 0; k < n; k++) highest = Math.max(highest, of(k));
    for (let k = 0; k < n; k++) sum += Math.exp(of(k) - highest);
    return highest + Math.log(sum);
  };
  const rows = Float64Array.from({ length: n }, (_, i) => logSum((j) => at(i, j)));
  const columns = Float64Array.from({ length: n }, (_, j) => logSum((i) => at(i, j)));
  const [dx, dy] = [Float64Array.from(y.data), Float64Array.from(scaled.data)];
  const weights = [new Float64Array(n), new Float64Array(n)] as const;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const w = (Math.exp(at(i, j) - (rows[i] ?? 0)) + Math.exp(at(i, j) - (columns[j] ?? 0))) / 2;
      weights[0][i] = (weights[0][i] ?? 0) + w;
      weights[1][j] = (weights[1][j] ?? 0) + w;
      for (let c = 0; c < D; c++) {
        dx[i * D + c] = (dx[i * D + c] ?? 0) - w * (y.data[j * D + c] ?? 0);
        dy[j * D + c] = (dy[j * D + c] ?? 0) - w * (scaled.data[i * D + c] ?? 0);
      }
    }
  }
  const logSums = [...rows, ...columns].reduce((a, b) => a + b, 0) / 2;
  return { logSums, dx, dy, weight: Math.max(...weights[0], ...weights[1]) };
}

function worst(found: ArrayLike<number> | undefined, wanted: ArrayLike<number>): number {
  return Math.max(...Array.from(wanted, (x, i) => Math.abs(x - (found?.[i] ?? Number.NaN))));
}

/** x through a network that changes nothing at first, against y as it is. */
function trainingOf(x: Table, y: Table, temperature: number): TrainerOptions {
  const identity = Float32Array.from({ length: D * D }, (_, i) => (i % (D + 1) === 0 ? 1 : 0));
  const weights = {
    '0.weight': { shape: [D, D], data: identity },
    '0.bias': { shape: [D], data: new Float32Array(D) },
  };
  const layers = [{ kind: 'linear', name: '0', input: D, output: D }, { kind: 'normalise' }] as const;
  return {
    networks: { p: { layers, weights } },
    tables: { x, y },
    objective: {
      pairs: [{ left: { table: 'x', network: 'p' }, right: { table: 'y' } }],
      temperature: { initial: temperature },
    },
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
    batch: x.rows,
  };
}

describe('streamed InfoNCE', () => {
  // Tiles that divide the batch, that do not, one row, and one that is larger than the batch; logits beyond exp(88) too.
  test.for([
    { n: 96, tile: 24, temperature: 0.05, shared: true },
    { n: 96, tile: 24, temperature: 0.01, shared: false },
    { n: 101, tile: 24, temperature: 0.05, shared: true },
    { n: 101, tile: 24, temperature: 0.01, shared: false },
    { n: 37, tile: 1, temperature: 0.05, shared: true },
    { n: 37, tile: 1, temperature: 0.05, shared: false },
    { n: 5, tile: 24, temperature: 0.05, shared: true },
    { n: 5, tile: 24, temperature: 0.01, shared: false },
    { n: 1700, tile: 408, temperature: 0.05, shared: true },
    { n: 1700, tile: 408, temperature: 0.01, shared: false },
    { n: 101, tile: 24, temperature: 0.001, shared: false },
    { n: 1700, tile: undefined, temperature: 1, shared: true },
  ])(
    'of $n rows in tiles of $tile is the float64 sum at τ = $temperature, exponentials shared: $shared',
    async (at) => {
      const { n, tile, temperature, shared } = at;
      const [scaled, y] = [unit(n, 'x'), unit(n, 'y')];
      scaled.data.forEach((x, i) => (scaled.data[i] = x / temperature));
      scaled.data.fill(0, 2 * D, 3 * D); // a row of zeros
      const wanted = oracle(scaled, y);
      const [both, frozen] = [
        await stream(scaled, y, shared, { trainsY: true, tile }),
        await stream(scaled, y, shared, { trainsY: false, tile }),
      ];
      // A logit is a sum of D products whose magnitudes sum to 1/τ at most, and the log of a sum, where that is kept, is rounded
      // with each tile. Sums of n terms round n times, walking at random.
      const unitRoundoff = 2 ** -24;
      const ofLogit = ((D + (shared ? 0 : Math.ceil(n / (tile ?? n)))) * unitRoundoff) / temperature;
      const ofSum = 4 * Math.sqrt(n) * unitRoundoff;
      expect(Math.abs(both.logSums - wanted.logSums) / n).toBeLessThan(ofLogit + ofSum);
      // A weight errs by its logit and by its sum's logits, and pulls on rows of length 1 (y) or 1/τ (x).
      const allowed = wanted.weight * (2 * ofLogit + 2 * ofSum);
      expect(worst(both.dx, wanted.dx)).toBeLessThan(allowed);
      expect(worst(both.dy, wanted.dy)).toBeLessThan(allowed / temperature);
      expect(frozen).toEqual({ logSums: both.logSums, dx: both.dx, dy: undefined });
    },
  );

  // Of 12,000 rows only 50 differ, so that the sums over a row's 12,000 logits are those of 50, 240 times.
  test('is what a batch of 12,000 is trained with: the loss is that of a float64 sum', async () => {
    const [distinct, copies, temperature] = [50, 240, 0.05];
    const n = distinct * copies;
    const [x, y] = [unit(distinct, 'x'), unit(distinct, 'y')];
    const repeated = ({ data }: Matrix): Table =>
      tableOf(
        matrix(
          n,
          D,
          Float32Array.from({ length: n * D }, (_, i) => data[i % (distinct * D)] ?? 0),
        ),
      );
    const backend = await OnnxBackend.start({ device: 'cpu', threads: 2 });
    const trainer = await backend.openTrainer(trainingOf(repeated(x), repeated(y), temperature));
    const { loss } = await trainer.step({ rows: Int32Array.from({ length: n }, (_, i) => i), learningRate: 0 });
    await backend.close();

    const logit = (i: number, j: number): number =>
      Array.from({ length: D }, (_, c) => (x.data[i * D + c] ?? 0) * (y.data[j * D + c] ?? 0)).reduce((a, b) => a + b) /
      temperature;
    const all = Array.from({ length: distinct }, (_, i) => i);
    const logSum = (logits: readonly number[]): number =>
      Math.log(logits.reduce((sum, z) => sum + copies * Math.exp(z), 0));
    const wanted = all.map(
      (i) => (logSum(all.map((j) => logit(i, j))) + logSum(all.map((j) => logit(j, i)))) / 2 - logit(i, i),
    );
    // A cosine of eight products errs by 8 · 2⁻²⁴ < 1e-6, a logit by that over τ, and the loss is a mean of such.
    const mean = wanted.reduce((sum, l) => sum + l, 0) / distinct;
    expect(Math.abs(loss - mean)).toBeLessThan(1e-6 / temperature);
  });

  test('tells its share of a step after every tile, rising to 1', async () => {
    const backend = await OnnxBackend.start({ device: 'cpu', threads: 1 }, { mostLogits: 0, tile: 24 });
    const trainer = await backend.openTrainer(trainingOf(tableOf(unit(48, 'x')), tableOf(unit(48, 'y')), 0.1));
    const shares: number[] = [];
    const rows = Int32Array.from({ length: 48 }, (_, i) => i);
    await trainer.step({ rows, learningRate: 1, progress: (share) => shares.push(share) });
    await backend.close();
    // Two times two tiles, one pass for the sums and one for the gradients; the first tile of a pass is under way at 0.
    expect(shares).toEqual([0, 1 / 8, 2 / 8, 3 / 8, 4 / 8, 4 / 8, 5 / 8, 6 / 8, 7 / 8, 1]);
  });

  test.each(['trainer', 'backend'] as const)('ends between two tiles when its %s is closed', async (what) => {
    const n = 2400;
    const backend = await OnnxBackend.start({ device: 'cpu', threads: 1 }, { mostLogits: 0, tile: 24 });
    const trainer = await backend.openTrainer(trainingOf(tableOf(unit(n, 'x')), tableOf(unit(n, 'y')), 0.1));
    const step = trainer.step({ rows: Int32Array.from({ length: n }, (_, i) => i), learningRate: 1 });
    const ended = step.catch((error: unknown) => error);
    // 20,000 tiles take seconds.
    await new Promise((resolve) => {
      setTimeout(resolve, 300);
    });
    await (what === 'trainer' ? trainer : backend).close();
    expect(await ended).toMatchObject({ code: 'FREEBIND_CLOSED' });
    await backend.close();
  });
});

// Everything that is asked of a backend's training, mixup, dropout, learned temperatures and shared networks among it.
describeBackend('onnx, every batch streamed', () =>
  OnnxBackend.start({ device: 'cpu', threads: 2 }, { mostLogits: 0, tile: 5 }),
);
