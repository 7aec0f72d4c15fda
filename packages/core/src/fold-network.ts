import { type Layer, type Network, parametersOf, type Tensor } from './network.ts';

/**
 * A network that gives the same rows in inference with fewer layers: dropout left out, and batch-norm behind a linear layer
 * folded into it. With running statistics it is y = s · x + t, where s = γ/√(variance + ε) and t = β − s · mean, so
 * W ← diag(s) · W and b ← s · b + t; computed in float64. Weights that no layer is left for are left out. For backends: how a
 * network is stored and trained does not change.
 */
export function foldNetwork({ layers, weights }: Network): Network {
  const folded: Record<string, Tensor> = { ...weights };
  const left = fold(layers, '', folded);
  const names = new Set(parametersOf(left).map(({ name }) => name));
  return { layers: left, weights: Object.fromEntries(Object.entries(folded).filter(([name]) => names.has(name))) };
}

function fold(layers: readonly Layer[], prefix: string, weights: Record<string, Tensor>): readonly Layer[] {
  const left: Layer[] = [];
  for (const layer of layers) {
    const before = left.at(-1);
    if (layer.kind === 'dropout') continue;
    if (layer.kind === 'residual')
      left.push({ ...layer, layers: fold(layer.layers, `${prefix}${layer.name}.`, weights) });
    else if (layer.kind === 'batch-norm' && before?.kind === 'linear')
      scaleLinear(weights, `${prefix}${before.name}`, `${prefix}${layer.name}`, layer.epsilon);
    else left.push(layer);
  }
  return left;
}

function scaleLinear(weights: Record<string, Tensor>, linear: string, norm: string, epsilon: number): void {
  const numbers = (name: string): ArrayLike<number> => weights[name]?.data ?? [];
  const [gain, shift] = [numbers(`${norm}.weight`), numbers(`${norm}.bias`)];
  const [mean, variance] = [numbers(`${norm}.running_mean`), numbers(`${norm}.running_var`)];
  const scale = Float64Array.from(variance, (v, i) => (gain[i] ?? 0) / Math.sqrt(v + epsilon));
  const bias = Float64Array.from(numbers(`${linear}.bias`));
  const weight = Float64Array.from(numbers(`${linear}.weight`));
  const cols = weight.length / bias.length;
  for (let i = 0; i < weight.length; i++) weight[i] = (weight[i] ?? 0) * (scale[Math.floor(i / cols)] ?? 0);
  for (let r = 0; r < bias.length; r++) bias[r] = ((bias[r] ?? 0) - (mean[r] ?? 0)) * (scale[r] ?? 0) + (shift[r] ?? 0);
  weights[`${linear}.weight`] = { shape: [bias.length, cols], data: weight };
  weights[`${linear}.bias`] = { shape: [bias.length], data: bias };
}
