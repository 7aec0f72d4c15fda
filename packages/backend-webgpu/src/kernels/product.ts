import type { Dispatch, Kernel } from '../plan.ts';
import type { Rows } from '../rows.ts';
import type { ProductShape } from './matmul-tiles.ts';

/** A matrix product with what happens to its result on the way out. */
export interface Product {
  /** [m, k], or [k, m] when `transposeA`. */
  readonly a: Rows;
  /** [k, n], or [n, k] when `transposeB`. */
  readonly b: Rows;
  /** [m, n]. */
  readonly out: Rows;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** `bias` [n] is added to every row; `add` adds to what is in out; `rescale` [m] multiplies the rows of what is in out and adds to it. */
  readonly bias?: Rows;
  readonly add?: boolean;
  readonly rescale?: Rows;
}

/** What becomes of a sum, of row m and column n, whose place in out is i. */
export type Ending = 'store' | 'bias' | 'add' | 'rescale';

const ENDINGS: Readonly<Record<Ending, string>> = {
  store: '$sum',
  bias: '$sum + vector[n]',
  add: 'out[i] + $sum',
  rescale: 'fma(out[i], vector[m], $sum)',
};

function endingOf({ bias, rescale, add = false }: Product): Ending {
  return bias ? 'bias' : rescale ? 'rescale' : add ? 'add' : 'store';
}

/** Sides of a product, and which of its factors lie transposed. */
export function shapeOf({ a, out, transposeA = false, transposeB = false }: Product): ProductShape {
  return { m: out.rows, n: out.cols, k: transposeA ? a.rows : a.cols, transposeA, transposeB };
}

/** A product by workgroups that compute `height` × `width` of out each: m, n, k; A, B, out, bias or rescale. */
export function dispatchOf(
  product: Product,
  { height, width }: { readonly height: number; readonly width: number },
  kernelOf: (transposeA: boolean, transposeB: boolean, ending: Ending) => Kernel,
): Dispatch {
  const { m, n, k, transposeA, transposeB } = shapeOf(product);
  const { a, b, out, bias, rescale } = product;
  const vector = bias ?? rescale;
  return {
    kernel: kernelOf(transposeA, transposeB, endingOf(product)),
    numbers: [m, n, k],
    bindings: vector ? [a, b, out, vector] : [a, b, out],
    groups: [Math.ceil(n / width), Math.ceil(m / height)],
  };
}

/** WGSL: the bindings of a product. */
export function bindingsFor(ending: Ending): string {
  const hasVector = ending === 'bias' || ending === 'rescale';
  return /* wgsl */ `
struct Shape { m: u32, n: u32, k: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
${hasVector ? '@group(0) @binding(4) var<storage, read> vector: array<f32>;' : ''}`;
}

/** WGSL: `sum` of row m and column n goes to its place, unless it is beyond the edge. */
export function storing(sum: string, ending: Ending): string {
  return /* wgsl */ `
    if (m < shape.m && n < shape.n) {
      let i = m * shape.n + n;
      out[i] = ${ENDINGS[ending].replace('$sum', sum)};
    }`;
}

/** How the sides of a product lie, for people and as a key. */
export function layoutName(transposeA: boolean, transposeB: boolean): string {
  return `${transposeA ? 'Aᵀ' : 'A'}·${transposeB ? 'Bᵀ' : 'B'}`;
}
