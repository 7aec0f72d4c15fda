import { type Backend, type Layer, matrix, type Network, projector, sliceRows } from '@freebind/core';
import * as fc from 'fast-check';
import type { ConformanceCase } from '../case.ts';
import { checkClose, checkIdentical, checkRejects, checkShape } from '../check.ts';
import { everyLayer, inFloat64, networkOf, normalRows, unitRows } from '../data.ts';
import { naiveForward, rowsIn } from '../naive.ts';
import { tolerancesOf } from '../tolerance.ts';
import { checkPrecision, rowOrder } from './shared.ts';

/** The mean of the networks' outputs in inference mode, by the naive formulas. */
function expected(mixture: readonly Network[], rows: ReturnType<typeof unitRows>): Float64Array {
  const outputs = mixture.map(({ layers, weights }) =>
    naiveForward(layers, (name) => weights[name]?.data ?? new Float64Array(0), rowsIn(rows)).flat(),
  );
  return Float64Array.from(
    outputs[0] ?? [],
    (_, i) => outputs.reduce((sum, output) => sum + (output[i] ?? 0), 0) / outputs.length,
  );
}

/** One layer in a network that ends in unit rows, so that the manifest's tolerance applies. */
const LAYERS: Readonly<Record<Layer['kind'], readonly Layer[]>> = {
  linear: [{ kind: 'linear', name: '0', input: 6, output: 5 }],
  'batch-norm': [{ kind: 'batch-norm', name: '0', size: 6, epsilon: 1e-2, momentum: 0.1 }],
  'layer-norm': [{ kind: 'layer-norm', name: '0', size: 6, epsilon: 1e-2 }],
  relu: [{ kind: 'linear', name: '0', input: 6, output: 5 }, { kind: 'relu' }],
  gelu: [{ kind: 'linear', name: '0', input: 6, output: 5 }, { kind: 'gelu' }],
  dropout: [
    { kind: 'linear', name: '0', input: 6, output: 5 },
    { kind: 'dropout', rate: 0.5 },
  ],
  residual: [
    { kind: 'residual', name: 'block', layers: [{ kind: 'linear', name: '0', input: 6, output: 6 }, { kind: 'relu' }] },
  ],
  normalise: [{ kind: 'linear', name: '0', input: 6, output: 5 }, { kind: 'normalise' }],
};

const layerCases = Object.entries(LAYERS).map(([kind, layers]): ConformanceCase<Backend> => ({
  name: `projects through ${kind} in inference mode`,
  async run(backend) {
    const network = networkOf([...layers, { kind: 'normalise' }], kind);
    const rows = unitRows(9, 6, kind);
    const runner = await backend.openProjector([network]);
    const out = await runner.project(rows);
    await runner.close();
    checkClose(out.data, expected([network], rows), tolerancesOf(backend.manifest).unit, `${kind} of 9 rows`);
  },
}));

/** Requirements of `openProjector` and `project`. */
export const projectCases: readonly ConformanceCase<Backend>[] = [
  ...layerCases,
  {
    name: 'projects through every layer at once, in its precision',
    async run(backend) {
      const network = networkOf(everyLayer(7, 4), 'every layer');
      const rows = unitRows(11, 7, 'every layer');
      const runner = await backend.openProjector([network]);
      const out = await runner.project(rows);
      await runner.close();
      checkPrecision(backend, out);
      checkShape(out, 11, 4, 'the projection');
      checkClose(out.data, expected([network], rows), tolerancesOf(backend.manifest).unit, 'the projection');
    },
  },
  {
    name: 'averages a mixture of seven heads without normalising the mean',
    because: 'FreeBind models/uni_spaces.py averages the heads of all experts first and normalises once',
    async run(backend) {
      const heads = Array.from({ length: 7 }, (_, i) => networkOf(projector({ input: 6, hidden: 8, output: 5 }), i));
      const rows = unitRows(5, 6, 'mixture');
      const runner = await backend.openProjector(heads);
      const out = await runner.project(rows);
      await runner.close();
      checkClose(out.data, expected(heads, rows), tolerancesOf(backend.manifest).unit, 'the mean of seven heads');
    },
  },
  {
    name: 'projects any number of rows and columns, none and one included',
    async run(backend) {
      const shape = fc.record({
        rows: fc.integer({ min: 0, max: 12 }),
        input: fc.integer({ min: 1, max: 9 }),
        output: fc.integer({ min: 2, max: 9 }),
        seed: fc.nat(1000),
      });
      await fc.assert(
        fc.asyncProperty(shape, async ({ rows, input, output, seed }) => {
          const network = networkOf(projector({ input, output, hidden: 6 }), seed);
          const given = unitRows(rows, input, seed);
          const runner = await backend.openProjector([network]);
          const out = await runner.project(given);
          await runner.close();
          checkShape(out, rows, output, 'the projection');
          checkClose(out.data, expected([network], given), 4 * tolerancesOf(backend.manifest).unit, 'the projection');
        }),
        // Each run opens a projector, which takes seconds on a device in software.
        {
          seed: 1,
          numRuns: 5,
          examples: [[{ rows: 0, input: 3, output: 2, seed: 1 }], [{ rows: 1, input: 1, output: 9, seed: 2 }]],
        },
      );
    },
  },
  {
    name: 'projects each row by itself: in another order, in pieces and in another precision alike',
    async run(backend) {
      const { unit } = tolerancesOf(backend.manifest);
      const runner = await backend.openProjector([networkOf(everyLayer(6, 5), 'rows')]);
      const rows = unitRows(10, 6, 'rows');
      const whole = await runner.project(rows);
      const order = rowOrder(10);
      const shuffled = await runner.project(order.of(rows));
      checkClose(shuffled.data, order.of(whole).data, unit, 'rows in another order');
      const first = await runner.project(sliceRows(rows, 0, 3));
      const second = await runner.project(sliceRows(rows, 3, 10));
      checkClose([...first.data, ...second.data], whole.data, unit, 'rows in two pieces');
      checkClose((await runner.project(inFloat64(rows))).data, whole.data, unit, 'the same rows in float64');
      await runner.close();
    },
  },
  {
    name: 'keeps a zero row zero when it normalises',
    because: 'rows are divided by max(‖x‖, 1e-12), as F.normalize',
    async run(backend) {
      const layers: readonly Layer[] = [{ kind: 'linear', name: '0', input: 3, output: 2 }, { kind: 'normalise' }];
      const weights = {
        '0.weight': { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
        '0.bias': { shape: [2], data: new Float32Array(2) },
      };
      const runner = await backend.openProjector([{ layers, weights }]);
      const out = await runner.project(matrix(2, 3));
      await runner.close();
      checkClose(out.data, new Float64Array(4), 0, 'the projection of zero rows');
    },
  },
  {
    name: 'writes neither to weights nor to rows, and keeps the weights it was opened with',
    async run(backend) {
      const network = networkOf(projector({ input: 5, hidden: 6, output: 4 }), 'untouched');
      const weight = network.weights['0.weight']?.data ?? new Float32Array(0);
      const before = weight.slice();
      const rows = unitRows(4, 5, 'untouched');
      const given = rows.data.slice();
      const runner = await backend.openProjector([network]);
      const out = await runner.project(rows);
      checkIdentical(weight, before, 'the weight after project');
      checkIdentical(rows.data, given, 'the rows after project');
      weight.fill(0);
      const again = await runner.project(rows);
      await runner.close();
      checkClose(again.data, out.data, tolerancesOf(backend.manifest).unit, "project after the caller's array changed");
    },
  },
  {
    name: 'refuses mixtures and rows whose widths do not fit',
    async run(backend) {
      const code = 'FREEBIND_SHAPE_MISMATCH';
      const network = networkOf(projector({ input: 5, hidden: 6, output: 4 }), 0);
      const wide = networkOf(projector({ input: 5, hidden: 6, output: 3 }), 0);
      await checkRejects(() => backend.openProjector([]), code, 'openProjector of no networks');
      await checkRejects(() => backend.openProjector([network, wide]), code, 'a mixture of two widths');
      const bad = { ...network, weights: { ...network.weights, '0.bias': { shape: [5], data: new Float32Array(5) } } };
      await checkRejects(() => backend.openProjector([bad]), code, 'a network whose bias has another shape');
      const runner = await backend.openProjector([network]);
      await checkRejects(() => runner.project(normalRows(2, 6, 0)), code, 'rows of 6 columns for a projector of 5');
      await runner.close();
    },
  },
];
