import { type Layer, NORM_FLOOR, type Reals, type Weights } from '@freebind/core';

/** One row through `layers` in inference mode: [in] → [out]. */
export function forward(layers: readonly Layer[], row: Float64Array, weights: Weights, prefix = ''): Float64Array {
  return layers.reduce((x, layer) => forwardLayer(layer, x, weights, prefix), row);
}

function forwardLayer(layer: Layer, x: Float64Array, weights: Weights, prefix: string): Float64Array {
  const array = (name: string): Reals =>
    weights[`${prefix}${'name' in layer ? layer.name : ''}.${name}`]?.data ?? new Float64Array(0);
  switch (layer.kind) {
    case 'linear': {
      const [weight, bias] = [array('weight'), array('bias')];
      return Float64Array.from(bias, (b, o) => b + dot(weight, x, o * x.length));
    }
    case 'batch-norm': {
      const [scale, shift] = [array('weight'), array('bias')];
      const [mean, variance] = [array('running_mean'), array('running_var')];
      return x.map(
        (v, i) => ((v - at(mean, i)) / Math.sqrt(at(variance, i) + layer.epsilon)) * at(scale, i) + at(shift, i),
      );
    }
    case 'layer-norm': {
      const [scale, shift] = [array('weight'), array('bias')];
      const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
      const variance = x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length;
      return x.map((v, i) => ((v - mean) / Math.sqrt(variance + layer.epsilon)) * at(scale, i) + at(shift, i));
    }
    case 'relu':
      return x.map((v) => Math.max(0, v)); // unlike a comparison, it lets NaN through
    case 'gelu':
      return x.map((v) => 0.5 * v * (1 + erf(v / Math.SQRT2)));
    case 'dropout':
      return x; // for training only
    case 'residual': {
      const inner = forward(layer.layers, x, weights, `${prefix}${layer.name}.`);
      return x.map((v, i) => v + at(inner, i));
    }
    case 'normalise': {
      const norm = Math.max(Math.sqrt(dot(x, x)), NORM_FLOOR); // so that a zero row stays zero
      return x.map((v) => v / norm);
    }
  }
}

/** A number of an array, within its bounds. */
export function at(array: Reals, i: number): number {
  return array[i] ?? Number.NaN;
}

/** Σ a[start + i] · b[i]. */
export function dot(a: Reals, b: Reals, start = 0): number {
  let sum = 0;
  for (let i = 0; i < b.length; i++) sum += at(a, start + i) * at(b, i);
  return sum;
}

/** erf x = 2/√π · e^(−x²) · Σₙ 2ⁿ x²ⁿ⁺¹ / (1·3·…·(2n+1)), DLMF 7.6.2; terms of one sign, so nothing cancels. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x); // 1 − erf 6 = 2e-17 is below half a unit in the last place of 1
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 2 ** -54; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
