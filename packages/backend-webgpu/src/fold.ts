import { type Layer, type Network, parametersOf, type Tensor } from '@freebind/core';
import { RUNNING_SCALE } from './norms.ts';

/**
 * A network that gives the same rows in inference with fewer layers: dropout left out, and batch-norm behind a linear layer
 * folded into it. With running statistics it is y = s · x + t, where s = γ/√(variance + ε) and t = β − s · mean, so
 * W ← diag(s) · W and b ← s · b + t. A batch-norm that stays gets its 1/√(variance + ε). All computed in float64.
 */
export function foldNetwork({ layers, weights }: Network): Network {
  const folded: Record<string, Tensor> = { ...weights };
  const left = fold(layers, '', folded);
  const names = new Set(parametersOf(left).map(({ name }) => name));
  const kept = Object.entries(folded).filter(([name]) => names.has(name) || name.endsWith(RUNNING_SCALE));
  return { layers: left, weights: Object.fromEntries(kept) };
}

function fold(layers: readonly Layer[], prefix: string, weights: Record<string, Tensor>): readonly Layer[] {
  const left: Layer[] = [];
  for (const layer of layers) {
    const before = left.at(-1);
    if (layer.kind === 'dropout') continue;
    if (layer.kind === 'residual') {
      left.push({ ...layer, layers: fold(layer.layers, `${prefix}${layer.name}.`, weights) });
    } else if (layer.kind === 'batch-norm') {
      const norm = `${prefix}${layer.name}`;
      const scale = Float64Array.from(numbers(weights, `${norm}.running_var`), (v) => 1 / Math.sqrt(v + layer.epsilon));
      if (before?.kind === 'linear') {
        scaleLinear(weights, `${prefix}${before.name}`, norm, scale);
      } else {
        weights[`${norm}.${RUNNING_SCALE}`] = { shape: [layer.size], data: scale };
        left.push(layer);
      }
    } else left.push(layer);
  }
  return left;
}

function scaleLinear(weights: Record<string, Tensor>, linear: string, norm: string, scale: Float64Array): void {
  const [gain, shift, mean] = ['weight', 'bias', 'running_mean'].map((name) => numbers(weights, `${norm}.${name}`));
  const bias = Float64Array.from(numbers(weights, `${linear}.bias`));
  const weight = Float64Array.from(numbers(weights, `${linear}.weight`));
  const cols = weight.length / bias.length;
  const factors = scale.map((s, r) => s * (gain?.[r] ?? 0));
  weights[`${linear}.weight`] = {
    shape: [bias.length, cols],
    data: weight.map((w, i) => w * (factors[Math.floor(i / cols)] ?? 0)),
  };
  weights[`${linear}.bias`] = {
    shape: [bias.length],
    data: bias.map((b, r) => (b - (mean?.[r] ?? 0)) * (factors[r] ?? 0) + (shift?.[r] ?? 0)),
  };
}

function numbers(weights: Readonly<Record<string, Tensor>>, name: string): ArrayLike<number> {
  return weights[name]?.data ?? [];
}
