import { type Layer, NORM_FLOOR } from '@freebind/core';
import type { Emission, Pass } from './emission.ts';
import type { Graph, Value } from './graph.ts';
import { batchNorm, layerNorm } from './norms.ts';
import { blocksOf, countRows, dotRows, type Rows, sumRows } from './rows.ts';
import { keptTransposed } from './widths.ts';

/** Writes `layers` into the graph, forward now and backward when `backward` is called. */
export function runLayers(run: Emission, layers: readonly Layer[], input: Rows, prefix = ''): Pass {
  const passes: Pass[] = [];
  for (const layer of layers) passes.push(runLayer(run, layer, passes.at(-1)?.output ?? input, prefix));
  return {
    output: passes.at(-1)?.output ?? input,
    backward: (gradient) => passes.reduceRight((back, pass) => pass.backward(back), gradient),
  };
}

function runLayer(run: Emission, layer: Layer, input: Rows, prefix: string): Pass {
  switch (layer.kind) {
    case 'linear':
      return linear(run, `${prefix}${layer.name}`, input);
    case 'batch-norm':
      return batchNorm(run, `${prefix}${layer.name}`, input, layer);
    case 'layer-norm':
      return layerNorm(run, `${prefix}${layer.name}`, input, layer.epsilon);
    case 'relu':
      return relu(run, input);
    case 'gelu':
      return gelu(run, input);
    case 'dropout':
      return dropout(run, input, layer.rate);
    case 'residual':
      return residual(run, input, runLayers(run, layer.layers, input, `${prefix}${layer.name}.`));
    case 'normalise':
      return normalise(run, input);
  }
}

/**
 * y = x · Wᵀ + b;  ∂W = ∂yᵀ · x,  ∂b = Σ ∂y,  ∂x = ∂y · W, and the same with the transpose of W where that is what is kept.
 * The factor of ∂W that a GEMM would read down its columns is transposed by a node of its own, which is faster.
 */
function linear({ graph, read, accumulate }: Emission, name: string, input: Rows): Pass {
  const weight = read(`${name}.weight`);
  const bias = read(`${name}.bias`);
  const transposed = keptTransposed(Number(bias.shape[0]), Number(input[0]?.shape[1]));
  return {
    output: input.map((x) => graph.gemm(x, weight, { transB: !transposed, c: bias })),
    backward: (gradient) => {
      gradient.forEach((dy, i) => {
        const [a, b] = transposed ? [input[i] ?? dy, dy] : [dy, input[i] ?? dy];
        accumulate(`${name}.weight`, (sum) => graph.gemm(graph.transpose(a), b, { c: sum }));
      });
      accumulate(`${name}.bias`, (sum) => sumRows(graph, gradient, sum));
      return gradient.map((dy) => graph.gemm(dy, weight, { transB: transposed }));
    },
  };
}

/**
 * y = x · [x > 0];  ∂x = ∂y · [x > 0]. In training as this product and not as max(x, 0), which on a GPU may turn NaN into 0
 * and hide that a run diverged.
 */
function relu({ graph, statistics }: Emission, input: Rows): Pass {
  const positive = input.map((x) => graph.indicate('Greater', x, graph.scalar(0)));
  const gate = (rows: Rows): Rows => rows.map((x, i) => graph.mul(x, positive[i] ?? x));
  return { output: statistics === 'running' ? input.map((x) => graph.relu(x)) : gate(input), backward: gate };
}

/**
 * y = x · Φ(x) with Φ(x) = ½ (1 + erf(x/√2));  ∂x = ∂y · (Φ(x) + x · φ(x)) with φ(x) = exp(−x²/2)/√(2π).
 * With u = x/√2, x · φ(x) = u · exp(−u²)/√π. Φ is computed again on the way back: it is cheaper than its memory.
 */
function gelu({ graph }: Emission, input: Rows): Pass {
  const slope = (x: Value): Value => {
    const u = graph.mul(x, graph.scalar(Math.SQRT1_2));
    const phi = graph.add(graph.mul(graph.erf(u), graph.scalar(0.5)), graph.scalar(0.5));
    const bell = graph.exp(graph.mul(u, graph.mul(u, graph.scalar(-1))));
    return graph.add(phi, graph.mul(graph.mul(u, graph.scalar(1 / Math.sqrt(Math.PI))), bell));
  };
  return {
    output: input.map((x) => graph.gelu(x)),
    backward: (gradient) => gradient.map((dy, i) => graph.mul(dy, slope(input[i] ?? dy))),
  };
}

/** y = x · kept / (1 − rate), where kept is 0 or 1 as `isKept` of core says, by the same wrapping arithmetic. */
function dropout({ graph, dropoutKeys }: Emission, input: Rows, rate: number): Pass {
  const keys = dropoutKeys(rate, Number(input[0]?.shape[1]));
  const factors = blocksOf(countRows(input)).map(({ start, end }) => {
    const a = graph.xor(graph.rows(keys.rowA, start, end), keys.colA);
    const b = graph.xor(graph.rows(keys.rowB, start, end), keys.colB);
    return graph.mul(graph.indicate('GreaterOrEqual', graph.mul(a, b), keys.threshold), keys.scale);
  });
  const drop = (rows: Rows): Rows => rows.map((x, i) => graph.mul(x, factors[i] ?? x));
  return { output: drop(input), backward: drop };
}

/** y = x + f(x);  ∂x = ∂y + ∂f. */
function residual({ graph }: Emission, input: Rows, inner: Pass): Pass {
  return {
    output: inner.output.map((y, i) => graph.add(y, input[i] ?? y)),
    backward: (gradient) => inner.backward(gradient).map((dx, i) => graph.add(dx, gradient[i] ?? dx)),
  };
}

/** z = x / max(‖x‖, floor);  ∂x = (∂z − z · (z·∂z)) / max(‖x‖, floor), without the second term below the floor. */
function normalise({ graph }: Emission, input: Rows): Pass {
  const units = input.map((x) => normaliseRows(graph, x));
  return {
    output: units.map(({ output }) => output),
    backward: (gradient) =>
      gradient.map((dz, i) => {
        const { output: z = dz, norm = dz, inverse = dz } = units[i] ?? {};
        const along = graph.mul(dotRows(graph, z, dz), graph.indicate('Greater', norm, graph.scalar(NORM_FLOOR)));
        return graph.mul(graph.sub(dz, graph.mul(z, along)), inverse);
      }),
  };
}

/** x / max(‖x‖, floor) row by row, with ‖x‖ and what x was multiplied by [n, 1]. */
export function normaliseRows(
  graph: Graph,
  x: Value,
): { readonly output: Value; readonly norm: Value; readonly inverse: Value } {
  const norm = graph.sqrt(dotRows(graph, x, x));
  const inverse = graph.reciprocal(graph.max(norm, graph.scalar(NORM_FLOOR)));
  return { output: graph.mul(x, inverse), norm, inverse };
}
