import { checkPixels, type Pixels, type Region } from './pixels.ts';

/** Fractional bits of Pillow's fixed-point weights: 32 − 8 − 2 (Pillow `src/libImaging/Resample.c`, `PRECISION_BITS`). */
const PRECISION_BITS = 22;
/** Half a unit of the result, for rounding. */
const HALF = 1 << (PRECISION_BITS - 1);
/** How far the cubic reaches, in source pixels at scale 1. */
const SUPPORT = 2;

/** Weights of one axis: output i is Σ weights[i · taps + t] · source[starts[i] + t] over counts[i] values of t. */
interface Weights {
  readonly taps: number;
  readonly starts: Int32Array;
  readonly counts: Int32Array;
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
  const across = width === pixels.width ? undefined : weightsOf(pixels.width, width, region.left, region.width);
  const down = height === pixels.height ? undefined : weightsOf(pixels.height, height, region.top, region.height);
  // Source rows that the second pass reads.
  const last = region.height - 1;
  const top = down === undefined ? region.top : (down.starts[0] ?? 0);
  const bottom = down === undefined ? region.top + region.height : (down.starts[last] ?? 0) + (down.counts[last] ?? 0);

  const rows =
    across === undefined
      ? cut(pixels, region.left, region.width, top, bottom)
      : acrossRows(pixels, across, region.width, top, bottom);
  if (down === undefined) return { data: rows, width: region.width, height: region.height };
  return { data: downColumns(rows, down, region, top), width: region.width, height: region.height };
}

/** `precompute_coeffs` and `normalize_coeffs_8bpc` of `Resample.c`, for outputs `from` to `from + count`. */
function weightsOf(source: number, target: number, from: number, count: number): Weights {
  const scale = source / target;
  const filterScale = Math.max(scale, 1);
  const support = SUPPORT * filterScale;
  const taps = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(count);
  const counts = new Int32Array(count);
  const values = new Int32Array(count * taps);
  const kernel = new Float64Array(taps);
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
      const weight = sum === 0 ? (kernel[t] ?? 0) : (kernel[t] ?? 0) / sum;
      values[i * taps + t] = Math.trunc((weight < 0 ? -0.5 : 0.5) + weight * (1 << PRECISION_BITS));
    }
    starts[i] = start;
    counts[i] = end - start;
  }
  return { taps, starts, counts, values };
}

/** Keys' cubic with a = −0.5 (`bicubic_filter`). */
function cubic(x: number): number {
  const a = -0.5;
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

/** Columns `left` to `left + width` of rows `top` to `bottom`, as they are. */
function cut({ data, width: stride }: Pixels, left: number, width: number, top: number, bottom: number): Uint8Array {
  const out = new Uint8Array((bottom - top) * width * 3);
  for (let y = top; y < bottom; y++) {
    const start = (y * stride + left) * 3;
    out.set(data.subarray(start, start + width * 3), (y - top) * width * 3);
  }
  return out;
}

function acrossRows(
  { data, width: stride }: Pixels,
  { taps, starts, counts, values }: Weights,
  width: number,
  top: number,
  bottom: number,
): Uint8Array {
  const out = new Uint8ClampedArray((bottom - top) * width * 3);
  let to = 0;
  for (let y = top; y < bottom; y++) {
    for (let x = 0; x < width; x++) {
      let from = (y * stride + (starts[x] ?? 0)) * 3;
      const first = x * taps;
      const end = first + (counts[x] ?? 0);
      let [red, green, blue] = [HALF, HALF, HALF];
      for (let w = first; w < end; w++, from += 3) {
        const weight = values[w] ?? 0;
        red += (data[from] ?? 0) * weight;
        green += (data[from + 1] ?? 0) * weight;
        blue += (data[from + 2] ?? 0) * weight;
      }
      // Sums stay below 2³¹; the array clamps to bytes.
      out[to++] = red >> PRECISION_BITS;
      out[to++] = green >> PRECISION_BITS;
      out[to++] = blue >> PRECISION_BITS;
    }
  }
  return new Uint8Array(out.buffer);
}

function downColumns(
  rows: Uint8Array,
  { taps, starts, counts, values }: Weights,
  { width, height }: Region,
  top: number,
): Uint8Array {
  const stride = width * 3;
  const out = new Uint8ClampedArray(height * stride);
  // Row by row: the sources of a row lie in the cache, and the inner loop has no stride.
  const sums = new Int32Array(stride);
  for (let y = 0; y < height; y++) {
    sums.fill(HALF);
    const count = counts[y] ?? 0;
    for (let t = 0; t < count; t++) {
      const weight = values[y * taps + t] ?? 0;
      const from = ((starts[y] ?? 0) + t - top) * stride;
      for (let i = 0; i < stride; i++) sums[i] = (sums[i] ?? 0) + (rows[from + i] ?? 0) * weight;
    }
    const to = y * stride;
    for (let i = 0; i < stride; i++) out[to + i] = (sums[i] ?? 0) >> PRECISION_BITS;
  }
  return new Uint8Array(out.buffer);
}
