import { type Matrix, matrix, normalMatrix, normaliseRows, random, type Table, tableOf } from '@freebind/core';
import { afterAll, describe, expect, test } from 'vitest';
import { Graph } from '../src/graph.ts';
import { infoNce } from '../src/info-nce.ts';
import { OnnxBackend } from '../src/onnx-backend.ts';
import { packRows } from '../src/packing.ts';
import { blocksOf } from '../src/rows.ts';
import { Sessions } from '../src/sessions.ts';
import { streamedInfoNce } from '../src/streamed-info-nce.ts';

const sessions = new Sessions({ device: 'cpu', threads: 2 });
afterAll(() => sessions.close());

const D = 8;
const unit = (rows: number, name: string) => normaliseRows(normalMatrix(rows, D, random('streamed', name)));

/** Loss and gradients by either way. */
async function compute(n: number, temperature: number, tile?: number, shared = true) {
  const graph = new Graph();
  const blocks = blocksOf(n);
  const input = (name: string) => blocks.map(({ start, end }, i) => graph.input(`${name}${i}`, [end - start, D]));
  const [x, y] = [input('x'), input('y')];
  const inverse = graph.scalar(1 / temperature);
  const made =
    tile === undefined
      ? infoNce(graph, x, y, inverse, shared)
      : streamedInfoNce(graph, x, y, inverse, { shared, trainsY: true, tile });
  graph.output('loss', made.loss);
  graph.output('temperature', made.temperatureGradient);
  graph.output('dx', graph.stack(made.gradients.x));
  graph.output('dy', graph.stack(made.gradients.y));
  const session = await sessions.open(graph.encode());
  const feeds = Object.fromEntries(
    (['x', 'y'] as const).flatMap((name) =>
      blocks.map(({ start, end }, i) => [`${name}${i}`, packRows(unit(n, name), [start], end - start, D)] as const),
    ),
  );
  const { outputs } = await session.run(feeds);
  await session.close();
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, Array.from(data, Number)]));
}

describe('streamed InfoNCE', () => {
  // Tiles that divide the batch, that do not, and one that is larger than it; both ways of taking exponentials.
  test.for([
    [96, 24, true],
    [96, 24, false],
    [101, 24, true],
    [101, 24, false],
    [5, 24, true],
    [5, 24, false],
    [1700, 408, true],
    [1700, 408, false],
  ] as const)(
    'of %i rows in tiles of %i gives what whole logits give, exponentials shared: %s',
    async ([n, tile, shared]) => {
      const temperature = shared ? 0.05 : 0.01;
      const [found, wanted] = [
        await compute(n, temperature, tile, shared),
        await compute(n, temperature, undefined, shared),
      ];
      for (const [name, numbers] of Object.entries(wanted)) {
        // Both sum the same float32 terms in another order: 2⁻²⁴ a term of sums of up to n terms, relative to the largest sum.
        const scale = Math.max(1, ...numbers.map(Math.abs));
        const worst = Math.max(...numbers.map((x, i) => Math.abs(x - (found[name]?.[i] ?? Number.NaN))));
        expect(worst / scale).toBeLessThan(2 ** -24 * Math.sqrt(n) * 8);
        expect(found[name]).toHaveLength(numbers.length);
      }
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
    const identity = Float32Array.from({ length: D * D }, (_, i) => (i % (D + 1) === 0 ? 1 : 0));
    const weights = {
      '0.weight': { shape: [D, D], data: identity },
      '0.bias': { shape: [D], data: new Float32Array(D) },
    };
    const layers = [{ kind: 'linear', name: '0', input: D, output: D }, { kind: 'normalise' }] as const;
    const backend = await OnnxBackend.start({ device: 'cpu', threads: 2 });
    const trainer = await backend.openTrainer({
      networks: { p: { layers, weights } },
      tables: { x: repeated(x), y: repeated(y) },
      objective: {
        pairs: [{ left: { table: 'x', network: 'p' }, right: { table: 'y' } }],
        temperature: { initial: temperature },
      },
      optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
      batch: n,
    });
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
});
