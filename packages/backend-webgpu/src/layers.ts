import type { Layer } from '@freebind/core';
import { columnSums } from './kernels/column-sums.ts';
import { dropout } from './kernels/dropout.ts';
import { geluBackward } from './kernels/gelu-backward.ts';
import { gelu } from './kernels/gelu.ts';
import { matmul } from './kernels/matmul.ts';
import { reluBackward } from './kernels/relu-backward.ts';
import { relu } from './kernels/relu.ts';
import { weightedSum } from './kernels/weighted-sum.ts';
import { runBatchNorm, runLayerNorm, runNormalise } from './norms.ts';
import type { Pass, Run } from './parameters.ts';
import type { Plan } from './plan.ts';
import type { Rows } from './rows.ts';

/** Records `layers` one after another: [n, in] → [n, out]. `input` is not written to. */
export function runLayers(run: Run, layers: readonly Layer[], input: Rows, prefix = ''): Pass {
  const passes: Pass[] = [];
  let rows = input;
  for (const layer of layers) {
    const pass = runLayer(run, layer, rows, prefix);
    // In inference nothing goes back, so what a layer has read is free.
    if (run.training === undefined && rows !== input && pass.output !== rows) run.memory.giveBack(rows);
    passes.push(pass);
    rows = pass.output;
  }
  return {
    output: rows,
    backward: (gradient, wanted) => {
      let flowing: Rows | undefined = gradient;
      for (const [i, pass] of [...passes.entries()].reverse()) {
        if (flowing === undefined) break;
        const next: Rows | undefined = pass.backward(flowing, wanted || i > 0);
        if (flowing !== gradient) run.memory.giveBack(flowing);
        run.memory.giveBack(pass.output); // its reader, the next layer, was on the way back before
        flowing = next;
      }
      return flowing;
    },
  };
}

function runLayer(run: Run, layer: Layer, x: Rows, prefix: string): Pass {
  switch (layer.kind) {
    case 'linear':
      return linear(run, x, layer.output, `${prefix}${layer.name}`);
    case 'batch-norm':
      return runBatchNorm(run, x, layer, `${prefix}${layer.name}`);
    case 'layer-norm':
      return runLayerNorm(run, x, layer.epsilon, `${prefix}${layer.name}`);
    case 'relu':
      return entrywise(run, x, relu, reluBackward);
    case 'gelu':
      return entrywise(run, x, gelu, geluBackward);
    case 'dropout':
      return runDropout(run, x, layer.rate);
    case 'residual':
      return residual(run, layer.layers, x, `${prefix}${layer.name}.`);
    case 'normalise':
      return runNormalise(run, x);
  }
}

/** y = x · Wᵀ + b. ∂W = ∂yᵀ · x, ∂b = Σ_rows ∂y, ∂x = ∂y · W. */
function linear({ plan, memory, weight, training }: Run, x: Rows, width: number, name: string): Pass {
  const [w, bias] = [weight(`${name}.weight`), weight(`${name}.bias`)];
  const output = memory.take(name, x.rows, width);
  matmul(plan, { a: x, b: w, transposeB: true, bias, out: output });
  return {
    output,
    backward: (gradient, wanted) => {
      if (training === undefined) return undefined;
      const [dw, db] = [training.gradient(`${name}.weight`), training.gradient(`${name}.bias`)];
      matmul(plan, { a: gradient, transposeA: true, b: x, out: dw.into, add: dw.add });
      columnSums(plan, gradient, db.into, db.add);
      if (!wanted) return undefined;
      const dx = memory.take(`∂${name}`, x.rows, x.cols);
      matmul(plan, { a: gradient, b: w, out: dx });
      return dx;
    },
  };
}

function entrywise(
  { plan, memory }: Run,
  x: Rows,
  forward: (plan: Plan, x: Rows, y: Rows) => void,
  backward: (plan: Plan, x: Rows, dy: Rows, dx: Rows) => void,
): Pass {
  const output = memory.take('entries', x.rows, x.cols);
  forward(plan, x, output);
  return {
    output,
    backward: (gradient, wanted) => {
      if (!wanted) return undefined;
      const dx = memory.take('∂entries', x.rows, x.cols);
      backward(plan, x, gradient, dx);
      return dx;
    },
  };
}

/** The identity in inference. */
function runDropout({ plan, memory, training }: Run, x: Rows, rate: number): Pass {
  if (training === undefined) return { output: x, backward: () => undefined };
  const mask = training.mask(x.rows, x.cols, rate);
  const masked = (rows: Rows): Rows => {
    const out = memory.take('dropout', rows.rows, rows.cols);
    dropout(plan, rows, mask, out);
    return out;
  };
  return { output: masked(x), backward: (gradient, wanted) => (wanted ? masked(gradient) : undefined) };
}

/** y = x + layers(x). */
function residual(run: Run, layers: readonly Layer[], x: Rows, prefix: string): Pass {
  const { plan, memory } = run;
  const inner = runLayers(run, layers, x, prefix);
  const output = memory.take('residual', x.rows, x.cols);
  weightedSum(plan, { a: 1, x, y: inner.output, sum: output });
  if (run.training === undefined && inner.output !== x) memory.giveBack(inner.output);
  return {
    output,
    backward: (gradient, wanted) => {
      const through = inner.backward(gradient, wanted);
      if (!wanted || through === undefined) return undefined;
      const dx = memory.take('∂residual', x.rows, x.cols);
      weightedSum(plan, { a: 1, x: gradient, y: through, sum: dx });
      if (through !== gradient) memory.giveBack(through);
      return dx;
    },
  };
}
