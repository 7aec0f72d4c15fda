import { FreebindError } from './errors.ts';
import type { Reals } from './matrix.ts';
import { type Random, uniformReals } from './random.ts';

/** An array of numbers with a shape, as safetensors stores it. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Reals;
}

/** Weights by name; the names are the keys of the safetensors file. */
export type Weights = Readonly<Record<string, Tensor>>;

/**
 * The closed vocabulary of layers. All act on rows: [n, in] → [n, out]. `name` prefixes the layer's weights, with a dot;
 * a residual block's name prefixes its inner layers' names. Names follow PyTorch, so that published files load as they are.
 */
export type Layer =
  /** y = x · weightᵀ + bias; `weight` [output, input], `bias` [output]. */
  | { readonly kind: 'linear'; readonly name: string; readonly input: number; readonly output: number }
  /**
   * PyTorch's BatchNorm1d: `weight`, `bias`, `running_mean`, `running_var`, each [size]. Training normalises by the batch's
   * mean and biased variance and moves the running values by `momentum` towards the mean and the *unbiased* variance.
   */
  | {
      readonly kind: 'batch-norm';
      readonly name: string;
      readonly size: number;
      readonly epsilon: number;
      readonly momentum: number;
    }
  /** Per row: (x − mean) / √(biased variance + epsilon) · weight + bias; `weight` and `bias` [size]. */
  | { readonly kind: 'layer-norm'; readonly name: string; readonly size: number; readonly epsilon: number }
  | { readonly kind: 'relu' }
  /** x · Φ(x) with the exact error function, as `nn.GELU()`. */
  | { readonly kind: 'gelu' }
  /** Training only: zero with probability `rate`, else x / (1 − rate). Which entries fall is `dropout.ts`'s to say. */
  | { readonly kind: 'dropout'; readonly rate: number }
  /** x + layers(x). */
  | { readonly kind: 'residual'; readonly name: string; readonly layers: readonly Layer[] }
  /** x / max(‖x‖₂, 1e-12), row by row. */
  | { readonly kind: 'normalise' };

/** A network is data: its layers in order and their weights. */
export interface Network {
  readonly layers: readonly Layer[];
  readonly weights: Weights;
}

/** One named array of a network. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  /** `statistic`: batch-norm's running values, moved by training but not by gradients. */
  readonly role: 'weight' | 'bias' | 'scale' | 'shift' | 'statistic';
}

/** Every parameter of `layers`, in order of use. */
export function parametersOf(layers: readonly Layer[], prefix = ''): readonly Parameter[] {
  return layers.flatMap((layer): readonly Parameter[] => {
    switch (layer.kind) {
      case 'linear':
        return [
          { name: `${prefix}${layer.name}.weight`, shape: [layer.output, layer.input], role: 'weight' },
          { name: `${prefix}${layer.name}.bias`, shape: [layer.output], role: 'bias' },
        ];
      case 'batch-norm':
        return [
          { name: `${prefix}${layer.name}.weight`, shape: [layer.size], role: 'scale' },
          { name: `${prefix}${layer.name}.bias`, shape: [layer.size], role: 'shift' },
          { name: `${prefix}${layer.name}.running_mean`, shape: [layer.size], role: 'statistic' },
          { name: `${prefix}${layer.name}.running_var`, shape: [layer.size], role: 'statistic' },
        ];
      case 'layer-norm':
        return [
          { name: `${prefix}${layer.name}.weight`, shape: [layer.size], role: 'scale' },
          { name: `${prefix}${layer.name}.bias`, shape: [layer.size], role: 'shift' },
        ];
      case 'residual':
        return parametersOf(layer.layers, `${prefix}${layer.name}.`);
      case 'relu':
      case 'gelu':
      case 'dropout':
      case 'normalise':
        return [];
    }
  });
}

/** Width of the rows that leave `layers` when rows of width `input` enter. @throws FREEBIND_SHAPE_MISMATCH */
export function widthAfter(layers: readonly Layer[], input: number): number {
  return layers.reduce((width, layer) => {
    const expected =
      layer.kind === 'linear'
        ? layer.input
        : layer.kind === 'batch-norm' || layer.kind === 'layer-norm'
          ? layer.size
          : width;
    if (expected !== width) {
      const name = 'name' in layer ? ` "${layer.name}"` : '';
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `Layer ${layer.kind}${name} takes rows of ${expected} columns, but the layer before it gives ${width}.`,
      );
    }
    if (layer.kind === 'residual' && widthAfter(layer.layers, width) !== width) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `Residual block "${layer.name}" must keep the width of its rows, ${width}, but its layers change it.`,
      );
    }
    return layer.kind === 'linear' ? layer.output : width;
  }, input);
}

/** Width of the rows that `layers` take, from the first layer that says so. @throws FREEBIND_SHAPE_MISMATCH */
export function inputWidth(layers: readonly Layer[]): number {
  for (const layer of layers) {
    if (layer.kind === 'linear') return layer.input;
    if (layer.kind === 'batch-norm' || layer.kind === 'layer-norm') return layer.size;
    if (layer.kind === 'residual') return inputWidth(layer.layers);
  }
  throw new FreebindError(
    'FREEBIND_SHAPE_MISMATCH',
    'No layer says how wide its rows are; a network needs at least one linear or norm layer.',
  );
}

/** Width of the rows that `layers` give. */
export function outputWidth(layers: readonly Layer[]): number {
  return widthAfter(layers, inputWidth(layers));
}

/** Checks that layers fit together and that every weight is there, with its shape and finite. @throws FREEBIND_SHAPE_MISMATCH FREEBIND_NUMBER_INVALID */
export function checkNetwork(network: Network, name = 'network'): void {
  outputWidth(network.layers);
  for (const parameter of parametersOf(network.layers)) {
    const tensor = network.weights[parameter.name];
    const wanted = `[${parameter.shape.join(', ')}]`;
    if (tensor === undefined)
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `The ${name} has no weight "${parameter.name}" of shape ${wanted}.`,
      );
    const size = parameter.shape.reduce((a, b) => a * b, 1);
    if (tensor.shape.join() !== parameter.shape.join() || tensor.data.length !== size) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `Weight "${parameter.name}" of the ${name} has shape [${tensor.shape.join(', ')}] (${tensor.data.length} numbers), expected ${wanted}.`,
      );
    }
    if (tensor.data.some((x) => !Number.isFinite(x)))
      throw new FreebindError(
        'FREEBIND_NUMBER_INVALID',
        `Weight "${parameter.name}" of the ${name} holds NaN or Inf; the file it came from is damaged or its training diverged.`,
      );
  }
}

/**
 * Fresh weights, float32. Linear weights are uniform in ±bound: `xavier` √(6 / (in + out)) (FreeBind's projector,
 * `models/projector.py`), `fan-in` 1/√in (`nn.Linear`'s default, which FuseMix's adapters keep). Linear biases are
 * uniform in ±1/√in, norm scales 1 and shifts 0, running mean 0 and variance 1, as PyTorch.
 */
export function initialise(layers: readonly Layer[], from: Random, weights: 'xavier' | 'fan-in'): Network {
  const filled: Record<string, Tensor> = {};
  let fanIn = 1;
  for (const { name, shape, role } of parametersOf(layers)) {
    const [rows = 1, cols = 1] = shape;
    if (role === 'weight') fanIn = cols; // a linear layer's bias follows its weight
    const bound = role === 'weight' && weights === 'xavier' ? Math.sqrt(6 / (rows + cols)) : 1 / Math.sqrt(fanIn);
    const data = role === 'weight' || role === 'bias' ? uniformReals(rows * cols, bound, from) : new Float32Array(rows);
    if (role === 'scale' || name.endsWith('.running_var')) data.fill(1);
    filled[name] = { shape, data };
  }
  return { layers, weights: filled };
}
