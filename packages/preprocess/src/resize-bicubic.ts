import { kernelsFor } from './kernels.ts';
import { checkPixels, type Pixels, type Region } from './pixels.ts';

/** Fractional bits of Pillow's fixed-point weights: 32 − 8 − 2 (Pillow `src/libImaging/Resample.c`, `PRECISION_BITS`). */
const PRECISION_BITS = 22;
/** How far the cubic reaches, in source pixels at scale 1. */
const SUPPORT = 2;
/** Bytes of source rows that are handed to the first pass at a time: they stay in the cache, and memory does not grow with the picture. */
const BAND = 2 ** 18;
/** Rows that the first pass makes at a time. */
const ROWS = 4;
/** Bits of the lower part of a weight: signed, the upper part has 16 bits or less, and so has this. */
const LOW_BITS = 11;

/** Weights of one axis: output i is a sum over source[range[0] + starts[i]] and what follows, in counts[i] pairs. */
interface Weights {
  /** Most pairs of an output. */
  readonly pairs: number;
  /** Of the source, what is read: the first, and behind the last. */
  readonly range: readonly [from: number, to: number];
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  /** [outputs, pairs, 2], of each pair the upper parts of both weights in one number, then the lower ones. */
  readonly values: Int32Array;
}

/**
 * A picture in another size, by Pillow's `resize(…, BICUBIC)`, bit for bit: antialiased, a = −0.5, weights of 22 bits, rows
 * first, and each of the two passes rounded to bytes (`Resample.c`, `ImagingResample`). With `region` only that part of the
 * result is made: the same bytes, for less work.
 */
export function resizeBicubic(
  pixels: Pixels,
  width: number,
  height: number,
  region: Region = { left: 0, top: 0, width, height },
): Pixels {
  checkPixels(pixels);
  const across = width === pixels.width ? undefined : weightsAcross(pixels.width, width, region.left, region.width);
  const down = height === pixels.height ? undefined : weightsDown(pixels.height, height, region.top, region.height);
  // Source rows and columns that are read.
  const [top, bottom] = down === undefined ? [region.top, region.top + region.height] : down.range;

  const [from, to] = [3 * pixels.width, 3 * region.width]; // bytes of a row before and after the first pass
  const band = ROWS * Math.max(Math.floor(BAND / (ROWS * from)), 1);
  const [xWeights, yWeights] = [across ?? NONE, down ?? NONE];
  const { kernels, at } = kernelsFor([
    band * from,
    (bottom - top + ROWS - 1) * to,
    region.height * to,
    ...bytesOf(xWeights),
    ...bytesOf(yWeights),
  ]);
  const [source, rows, out, xStarts, xCounts, xValues, yStarts, yCounts, yValues] = at;
  const memory = new Uint8Array(kernels.memory.buffer);
  if (across === undefined) {
    for (let y = top; y < bottom; y++) {
      const start = y * from + 3 * region.left;
      memory.set(pixels.data.subarray(start, start + to), rows + (y - top) * to);
    }
  } else {
    put(kernels.memory.buffer, across, [xStarts, xCounts, xValues]);
    const first = source + 3 * across.range[0];
    for (let y = top; y < bottom; y += band) {
      const count = Math.min(band, bottom - y);
      memory.set(pixels.data.subarray(y * from, (y + count) * from), source);
      kernels.across(first, from, count, xStarts, xCounts, xValues, across.pairs, region.width, rows + (y - top) * to);
    }
  }
  if (down !== undefined) {
    put(kernels.memory.buffer, down, [yStarts, yCounts, yValues]);
    kernels.down(rows, to, yStarts, yCounts, yValues, down.pairs, region.height, out);
  }
  const result = down === undefined ? rows : out;
  return { data: memory.slice(result, result + region.height * to), width: region.width, height: region.height };
}

const NONE: Weights = {
  pairs: 0,
  range: [0, 0],
  starts: new Int32Array(0),
  counts: new Int32Array(0),
  values: new Int32Array(0),
};

function bytesOf({ starts, counts, values }: Weights): readonly [number, number, number] {
  return [starts.byteLength, counts.byteLength, values.byteLength];
}

function put(
  memory: ArrayBuffer,
  { starts, counts, values }: Weights,
  [startsAt, countsAt, valuesAt]: readonly [number, number, number],
): void {
  const numbers = new Int32Array(memory);
  numbers.set(starts, startsAt / 4);
  numbers.set(counts, countsAt / 4);
  numbers.set(values, valuesAt / 4);
}

/** `precompute_coeffs` and `normalize_coeffs_8bpc` of `Resample.c`, for outputs `from` to `from + count`. */
function weightsOf(source: number, target: number, from: number, count: number): Weights {
  const scale = source / target;
  const filterScale = Math.max(scale, 1);
  const support = SUPPORT * filterScale;
  const pairs = Math.ceil(support) + 1;
  const starts = new Int32Array(count);
  const counts = new Int32Array(count);
  const values = new Int32Array(count * pairs * 2);
  const kernel = new Float64Array(2 * pairs);
  let last = 0;
  for (let i = 0; i < count; i++) {
    const centre = (from + i + 0.5) * scale;
    const start = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), source);
    let sum = 0;
    for (let t = 0; t < end - start; t++) {
      const weight = cubic((t + start - centre + 0.5) * (1 / filterScale));
      kernel[t] = weight;
      sum += weight;
    }
    for (let t = 0; t < end - start; t++) {
      const share = sum === 0 ? (kernel[t] ?? 0) : (kernel[t] ?? 0) / sum;
      const weight = Math.trunc((share < 0 ? -0.5 : 0.5) + share * (1 << PRECISION_BITS));
      const [pair, shift] = [2 * (i * pairs + (t >> 1)), 16 * (t & 1)];
      values[pair] = (values[pair] ?? 0) | (((weight >> LOW_BITS) & 0xffff) << shift);
      values[pair + 1] = (values[pair + 1] ?? 0) | ((weight & ((1 << LOW_BITS) - 1)) << shift);
    }
    starts[i] = start;
    counts[i] = Math.ceil((end - start) / 2);
    last = end;
  }
  // Both ends grow with i.
  const range = [starts[0] ?? 0, last] as const;
  return { pairs, range, starts: starts.map((start) => start - range[0]), counts, values };
}

/** `weightsOf` that keeps its last answer: the pictures of a collection are often of one size. */
function keepingLast(): typeof weightsOf {
  let kept: { readonly of: string; readonly weights: Weights } | undefined;
  return (...numbers) => {
    const of = numbers.join(' ');
    if (kept?.of !== of) kept = { of, weights: weightsOf(...numbers) };
    return kept.weights;
  };
}
const weightsAcross = keepingLast();
const weightsDown = keepingLast();

/** Keys' cubic with a = −0.5 (`bicubic_filter`). */
function cubic(x: number): number {
  const a = -0.5;
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}
