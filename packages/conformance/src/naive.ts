import {
  dropoutKeys,
  isKept,
  type Layer,
  type Matrix,
  networkRuns,
  type Objective,
  type Reals,
  type Side,
} from '@freebind/core';

// The formulas once more, number by number and sharing nothing with any backend, so that the oracle has one too.

type Row = readonly number[];

/** Reads a weight of the network by its name. */
export type WeightsByName = (name: string) => Reals;

/** The rows of a matrix as arrays. */
export function rowsIn({ rows, cols, data }: Matrix): readonly Row[] {
  return Array.from({ length: rows }, (_, r) => Array.from(data.subarray(r * cols, (r + 1) * cols)));
}

function dot(a: Row, b: Row): number {
  return total(a.map((x, i) => x * (b[i] ?? 0)));
}

function total(numbers: Row): number {
  return numbers.reduce((sum, x) => sum + x, 0);
}

/** softmax(q · keysᵀ / τ) · values, for one query. */
export function naiveAggregate(query: Row, keys: readonly Row[], values: readonly Row[], temperature: number): Row {
  const logits = keys.map((key) => dot(query, key) / temperature);
  const top = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - top));
  const columns = values[0]?.map((_, c) => total(values.map((value, j) => (weights[j] ?? 0) * (value[c] ?? 0)))) ?? [];
  return columns.map((x) => x / total(weights));
}

/** normalise(Σ factor · row). */
export function naiveCombine(parts: readonly { readonly row: Row; readonly factor: number }[]): Row {
  return unit(parts[0]?.row.map((_, c) => total(parts.map(({ row, factor }) => factor * (row[c] ?? 0)))) ?? []);
}

function unit(row: Row): Row {
  const norm = Math.max(Math.sqrt(dot(row, row)), 1e-12);
  return row.map((x) => x / norm);
}

/** (2/√π) ∫₀ˣ exp(−t²) dt by Gauss and Legendre's rule of five points (DLMF 3.5.19) on each of ten pieces, to about 1e-15. */
function erf(x: number): number {
  const [inner, outer] = [Math.sqrt(5 - 2 * Math.sqrt(10 / 7)) / 3, Math.sqrt(5 + 2 * Math.sqrt(10 / 7)) / 3];
  const [heavy, light] = [(322 + 13 * Math.sqrt(70)) / 900, (322 - 13 * Math.sqrt(70)) / 900];
  const half = x / 20;
  let sum = 0;
  for (let piece = 0; piece < 10; piece++) {
    const center = (2 * piece + 1) * half;
    const f = (at: number): number => Math.exp(-((center + half * at) ** 2));
    sum += (128 / 225) * f(0) + heavy * (f(inner) + f(-inner)) + light * (f(outer) + f(-outer));
  }
  return (2 / Math.sqrt(Math.PI)) * half * sum;
}

/** A network's output; `training` uses the batch's statistics and drops what core says. */
export function naiveForward(
  layers: readonly Layer[],
  weights: WeightsByName,
  input: readonly Row[],
  training?: { readonly seed: number; readonly run: number },
): readonly Row[] {
  let dropouts = 0;
  const through = (inner: readonly Layer[], from: readonly Row[], prefix: string): readonly Row[] =>
    inner.reduce((rows, layer) => apply(layer, rows, prefix), from);
  const apply = (layer: Layer, rows: readonly Row[], prefix: string): readonly Row[] => {
    const array = (name: string): Row => ('name' in layer ? Array.from(weights(`${prefix}${layer.name}.${name}`)) : []);
    const affine = (normal: readonly Row[]): readonly Row[] => {
      const [scale, shift] = [array('weight'), array('bias')];
      return normal.map((row) => row.map((x, c) => x * (scale[c] ?? 0) + (shift[c] ?? 0)));
    };
    switch (layer.kind) {
      case 'linear': {
        const [weight, bias] = [array('weight'), array('bias')];
        const weightRows = bias.map((_, o) => weight.slice(o * layer.input, (o + 1) * layer.input));
        return rows.map((row) => bias.map((b, o) => b + dot(row, weightRows[o] ?? [])));
      }
      case 'batch-norm': {
        const columns = array('weight').map((_, c) => rows.map((row) => row[c] ?? 0));
        const means = training ? columns.map(mean) : array('running_mean');
        const variances = training ? columns.map(biasedVariance) : array('running_var');
        const deviations = variances.map((variance) => Math.sqrt(variance + layer.epsilon));
        return affine(rows.map((row) => row.map((x, c) => (x - (means[c] ?? 0)) / (deviations[c] ?? 0))));
      }
      case 'layer-norm':
        return affine(
          rows.map((row) => {
            const [center, deviation] = [mean(row), Math.sqrt(biasedVariance(row) + layer.epsilon)];
            return row.map((x) => (x - center) / deviation);
          }),
        );
      case 'relu':
        return rows.map((row) => row.map((x) => (x > 0 ? x : 0)));
      case 'gelu':
        return rows.map((row) => row.map((x) => (x / 2) * (1 + erf(x / Math.SQRT2))));
      case 'dropout': {
        if (training === undefined) return rows;
        const shape = { rows: rows.length, cols: rows[0]?.length ?? 0 };
        const keys = dropoutKeys({ ...training, ...shape, layer: dropouts++, rate: layer.rate });
        return rows.map((row, r) => row.map((x, c) => (isKept(keys, r, c) ? x / (1 - layer.rate) : 0)));
      }
      case 'residual': {
        const inner = through(layer.layers, rows, `${prefix}${layer.name}.`);
        return rows.map((row, r) => row.map((x, c) => x + (inner[r]?.[c] ?? 0)));
      }
      case 'normalise':
        return rows.map(unit);
    }
  };
  return through(layers, input, '');
}

/** Mean over the row. */
export function mean(row: Row): number {
  return total(row) / row.length;
}

function biasedVariance(row: Row): number {
  const center = mean(row);
  return mean(row.map((x) => (x - center) ** 2));
}

/** Everything that a step's loss depends on, by hand. */
export interface NaiveStep {
  readonly objective: Objective;
  readonly layers: Readonly<Record<string, readonly Layer[]>>;
  /** The batch of every table, in order. */
  readonly batches: Readonly<Record<string, readonly Row[]>>;
  readonly mix?: number;
  readonly seed: number;
}

/** The loss of a step in nats; `array` gives the state's numbers by their names in a `TrainerState`. */
export function naiveLoss({ objective, layers, batches, mix, seed }: NaiveStep, array: WeightsByName): number {
  const { learned, initial } = objective.temperature;
  const parameter = learned ? (array('temperature')[0] ?? 0) : initial;
  const temperature = learned ? Math.min(Math.max(parameter, learned.min), learned.max) : initial;
  const mixed = (rows: readonly Row[]): readonly Row[] => {
    if (mix === undefined) return rows;
    const half = rows.length / 2;
    return rows.slice(0, half).map((row, r) => row.map((x, c) => mix * x + (1 - mix) * (rows[half + r]?.[c] ?? 0)));
  };
  const runs = networkRuns(objective);
  const side = ({ table, network }: Side): readonly Row[] => {
    const rows = mixed(batches[table] ?? []);
    if (network === undefined) return rows;
    const run = runs.findIndex((other) => other.table === table && other.network === network);
    return naiveForward(layers[network] ?? [], (name) => array(`${network}/${name}`), rows, { seed, run });
  };
  const crossEntropy = (from: readonly Row[], to: readonly Row[]): number =>
    mean(
      from.map((row, i) => {
        const logits = to.map((other) => dot(row, other) / temperature);
        const top = Math.max(...logits);
        return Math.log(total(logits.map((logit) => Math.exp(logit - top)))) + top - (logits[i] ?? 0);
      }),
    );
  return mean(
    objective.pairs.map(({ left, right }) => {
      const [xs, ys] = [side(left), side(right)];
      return (crossEntropy(xs, ys) + crossEntropy(ys, xs)) / 2;
    }),
  );
}

/** Central differences: (f(x + h) − f(x − h)) / 2h for each number of `x`, which is moved and put back. Errs by h²·f‴/6. */
export function centralDifferences(x: Float64Array, f: () => number, h: number): Float64Array {
  return Float64Array.from(x, (value, i) => {
    x[i] = value + h;
    const above = f();
    x[i] = value - h;
    const below = f();
    x[i] = value;
    return (above - below) / (2 * h);
  });
}
