import type { Network, Tensor } from '@freebind/core';
import { batchNormBackward } from './kernels/batch-norm-backward.ts';
import { batchNormStatistics, type Standard } from './kernels/batch-norm-statistics.ts';
import { batchNorm } from './kernels/batch-norm.ts';
import { layerNormBackward } from './kernels/layer-norm-backward.ts';
import { layerNorm } from './kernels/layer-norm.ts';
import { normGradients } from './kernels/norm-gradients.ts';
import { normaliseBackward } from './kernels/normalise-backward.ts';
import { normalise } from './kernels/normalise.ts';
import type { Memory } from './memory.ts';
import { normGradientsOf, type Pass, type Run } from './parameters.ts';
import type { Rows } from './rows.ts';

/** By the batch's statistics in training, which also move the running ones; by the running ones in inference. */
export function runBatchNorm(
  run: Run,
  x: Rows,
  { epsilon, momentum }: { readonly epsilon: number; readonly momentum: number },
  name: string,
): Pass {
  const { plan, memory, weight, training } = run;
  const [scale, bias] = [weight(`${name}.weight`), weight(`${name}.bias`)];
  const output = memory.take(name, x.rows, x.cols);
  if (training === undefined) {
    const standard = { means: weight(`${name}.running_mean`), scales: weight(`${name}.${RUNNING_SCALE}`) };
    batchNorm(plan, { x, standard, weight: scale, bias, y: output });
    return { output, backward: () => undefined };
  }
  const standard = takeStandard(memory, x.cols);
  const running = { mean: weight(`${name}.running_mean`), variance: weight(`${name}.running_var`) };
  batchNormStatistics(plan, x, standard, { ...running, epsilon, momentum });
  batchNorm(plan, { x, standard, weight: scale, bias, y: output });
  return {
    output,
    backward: (dy, wanted) => {
      const gradients = normGradientsOf(run, name);
      if (gradients === undefined) return undefined;
      const sums = memory.take('norm sums', 2, x.cols);
      normGradients(plan, { x, dy, standard, gradients, sums }, 'columns');
      const dx = wanted ? memory.take(`∂${name}`, x.rows, x.cols) : undefined;
      if (dx) batchNormBackward(plan, { x, dy, standard, weight: scale, sums, dx });
      for (const rows of [sums, standard.means, standard.scales]) memory.giveBack(rows);
      return dx;
    },
  };
}

/** The name under which inference finds 1 / √(running variance + ε). */
const RUNNING_SCALE = 'running_scale';

/** 1 / √(running variance + ε) of every batch-norm of a network, by name, in float64. */
export function runningScales({ layers, weights }: Network, prefix = ''): readonly (readonly [string, Tensor])[] {
  return layers.flatMap((layer) => {
    if (layer.kind === 'residual') return runningScales({ layers: layer.layers, weights }, `${prefix}${layer.name}.`);
    if (layer.kind !== 'batch-norm') return [];
    const name = `${prefix}${layer.name}`;
    const variance = weights[`${name}.running_var`]?.data ?? [];
    const data = Float64Array.from(variance, (v) => 1 / Math.sqrt(v + layer.epsilon));
    return [[`${name}.${RUNNING_SCALE}`, { shape: [layer.size], data }] as const];
  });
}

export function runLayerNorm(run: Run, x: Rows, epsilon: number, name: string): Pass {
  const { plan, memory, weight } = run;
  const scale = weight(`${name}.weight`);
  const output = memory.take(name, x.rows, x.cols);
  const standard = takeStandard(memory, x.rows);
  layerNorm(plan, { x, weight: scale, bias: weight(`${name}.bias`), y: output, standard, epsilon });
  return {
    output,
    backward: (dy, wanted) => {
      const gradients = normGradientsOf(run, name);
      if (gradients === undefined) return undefined;
      const sums = memory.take('norm sums', 2, x.cols);
      normGradients(plan, { x, dy, standard, gradients, sums }, 'rows');
      const dx = wanted ? memory.take(`∂${name}`, x.rows, x.cols) : undefined;
      if (dx) layerNormBackward(plan, { x, dy, weight: scale, standard, dx });
      for (const rows of [sums, standard.means, standard.scales]) memory.giveBack(rows);
      return dx;
    },
  };
}

export function runNormalise({ plan, memory }: Run, x: Rows): Pass {
  const output = memory.take('normalise', x.rows, x.cols);
  const norms = memory.take('norms', 1, x.rows);
  normalise(plan, x, output, norms);
  return {
    output,
    backward: (dy, wanted) => {
      const dx = wanted ? memory.take('∂normalise', x.rows, x.cols) : undefined;
      if (dx) normaliseBackward(plan, output, norms, dy, dx);
      memory.giveBack(norms);
      return dx;
    },
  };
}

function takeStandard(memory: Memory, count: number): Standard {
  return { means: memory.take('means', 1, count), scales: memory.take('scales', 1, count) };
}
