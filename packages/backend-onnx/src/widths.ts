import type { Layer } from '@freebind/core';

/**
 * Columns that a width takes in a training graph. Rows whose lengths are multiples of 4 KiB all start in the same set of
 * a first-level cache, so that the twelve rows that a GEMM kernel reads at once evict each other; sixteen columns of
 * zeros more cost 1 % of work and bring 15 % of speed.
 */
export function paddedWidth(width: number): number {
  return width % 1024 === 0 ? width + 16 : width;
}

/**
 * Whether a linear layer's weight is kept as its transpose, [input, output]. The gradient of a weight is a product of the
 * shape of the weight, and GEMM is a quarter faster at few long rows than at many short ones (measured at 1024 × 2048).
 */
export function keptTransposed(output: number, input: number): boolean {
  return output > input;
}

/** How an array of the state is kept in a graph: padded with zeros to `dims`, after it was transposed if `transposed`. */
export interface Stored {
  readonly dims: readonly number[];
  readonly transposed: boolean;
}

/** An array that is kept as it is. */
export function asIs(shape: readonly number[]): Stored {
  return { dims: shape, transposed: false };
}

/** How a network is laid out in a graph. */
export interface Layout {
  /** Columns of the rows that enter and leave. */
  readonly input: number;
  readonly output: number;
  /** The parameters, by the names of `parametersOf`. */
  readonly stored: ReadonlyMap<string, Stored>;
}

/**
 * Pads where zero columns stay zero: between linear layers, through batch-norm (whose padded scale and shift are zero),
 * relu, gelu, dropout and normalise. Layer-norm mixes columns, so what it touches keeps its width, and so does what is
 * added to it in a residual block. `input` and `output` are the widths that the caller wants of the rows that enter and
 * leave: padded only where `startsInZeros` and `endsInZeros`.
 */
export function layoutOf(layers: readonly Layer[], input: number, output: number): Layout {
  const stored = new Map<string, Stored>();
  lay(layers, input, output, '', stored);
  return { input, output, stored };
}

/** Whether the rows that enter `layers` may be padded. */
export function startsInZeros(layers: readonly Layer[]): boolean {
  return layers.some(isLinear) && keepsZeros(untilLinear(layers));
}

/** Whether the rows that leave `layers` may be padded. */
export function endsInZeros(layers: readonly Layer[]): boolean {
  const last = layers.findLastIndex(isLinear);
  return last !== -1 && keepsZeros(layers.slice(last + 1));
}

function lay(
  layers: readonly Layer[],
  input: number,
  output: number,
  prefix: string,
  stored: Map<string, Stored>,
): void {
  let width = input;
  layers.forEach((layer, i) => {
    const put = (names: readonly string[], dims: readonly number[], transposed = false): void =>
      names.forEach((name) =>
        stored.set(`${prefix}${'name' in layer ? layer.name : ''}.${name}`, { dims, transposed }),
      );
    if (layer.kind === 'linear') {
      const rest = layers.slice(i + 1);
      const before = width;
      if (!rest.some(isLinear)) width = endsInZeros(layers) ? output : layer.output;
      else width = keepsZeros(untilLinear(rest)) ? paddedWidth(layer.output) : layer.output;
      const transposed = keptTransposed(width, before);
      put(['weight'], transposed ? [before, width] : [width, before], transposed);
      put(['bias'], [width]);
    } else if (layer.kind === 'batch-norm') put(['weight', 'bias', 'running_mean', 'running_var'], [width]);
    else if (layer.kind === 'layer-norm') put(['weight', 'bias'], [width]);
    else if (layer.kind === 'residual') lay(layer.layers, width, width, `${prefix}${layer.name}.`, stored);
  });
}

const isLinear = (layer: Layer): boolean => layer.kind === 'linear';

function untilLinear(layers: readonly Layer[]): readonly Layer[] {
  const next = layers.findIndex(isLinear);
  return next === -1 ? layers : layers.slice(0, next);
}

function keepsZeros(layers: readonly Layer[]): boolean {
  return layers.every(({ kind }) => kind !== 'layer-norm' && kind !== 'residual');
}
