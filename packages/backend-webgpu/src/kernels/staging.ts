/** A slice of one side of a product that a workgroup brings into its memory. */
export interface Slice {
  /** The array in workgroup memory; an entry is at k · kStride + w · wStride of it, w along m or n. */
  readonly into: string;
  readonly kStride: number;
  readonly wStride: number;
  readonly from: 'a' | 'b';
  /** Entries along m (of A) or n (of B), and along k. */
  readonly width: number;
  readonly depth: number;
  /** Whether neighbours in memory are neighbours along k, and not along m or n. */
  readonly alongK: boolean;
  /** Of the workgroup. */
  readonly threads: number;
  readonly factors: 'float32' | 'float16';
}

/**
 * WGSL: float16 numbers end at 65504. A factor beyond would be infinite; cut off there, a gradient that is too large leaves what it is
 * added to finite. What is not finite stays so, for whoever looks at the loss: told by its bits, as a compiler may take for granted
 * that nothing is NaN.
 */
export const NEAREST_HALF = /* wgsl */ `
fn nearestHalf(x: f32) -> f16 {
  let finite = (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
  return f16(select(x, clamp(x, -65504.0, 65504.0), finite));
}`;

/**
 * WGSL that brings the slice from `slice` on into workgroup memory, zeros beyond the edges, which leave a sum as it is. Neighbouring
 * threads read neighbouring words.
 */
export function bring({ into, kStride, wStride, from, width, depth, alongK, threads, factors }: Slice): string {
  const limit = from === 'a' ? 'm' : 'n';
  const start = from === 'a' ? 'startM' : 'startN';
  return /* wgsl */ `
    for (var e = thread; e < ${width * depth}u; e += ${threads}u) {
      let k = ${alongK ? `e % ${depth}u` : `e / ${width}u`};
      let w = ${alongK ? `e / ${depth}u` : `e % ${width}u`};
      let row = ${start} + w;
      var value = 0.0;
      if (row < shape.${limit} && slice + k < shape.k) {
        value = ${from}[${alongK ? 'row * shape.k + slice + k' : `(slice + k) * shape.${limit} + row`}];
      }
      ${into}[${at('k', kStride)} + ${at('w', wStride)}] = ${factors === 'float16' ? 'nearestHalf(value)' : 'value'};
    }`;
}

function at(index: string, stride: number): string {
  return stride === 1 ? index : `${index} * ${stride}u`;
}
