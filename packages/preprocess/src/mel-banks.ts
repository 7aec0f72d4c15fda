/** Triangular filters over the bins of a power spectrum, only where they are not 0. */
export interface MelBanks {
  readonly bands: number;
  readonly bins: number;
  /** Of band b: its first bin, and where its weights begin in `weights`; they end where the next band's begin. */
  readonly first: Int32Array;
  readonly begin: Int32Array;
  readonly weights: Float64Array;
}

/** Dense filters [bands, bins] as sparse ones. */
function sparse(bands: number, bins: number, weight: (band: number, bin: number) => number): MelBanks {
  const first = new Int32Array(bands);
  const begin = new Int32Array(bands + 1);
  const weights: number[] = [];
  for (let band = 0; band < bands; band++) {
    const row = Array.from({ length: bins }, (_, bin) => Math.max(weight(band, bin), 0));
    const start = Math.max(
      row.findIndex((w) => w > 0),
      0,
    );
    const end = row.findLastIndex((w) => w > 0) + 1;
    first[band] = start;
    weights.push(...row.slice(start, Math.max(end, start)));
    begin[band + 1] = weights.length;
  }
  return { bands, bins, first, begin, weights: Float64Array.from(weights) };
}

/** The filters in full: [bands, bins]. */
export function denseBanks({ bands, bins, first, begin, weights }: MelBanks): Float64Array {
  const dense = new Float64Array(bands * bins);
  for (let band = 0; band < bands; band++)
    dense.set(weights.subarray(begin[band], begin[band + 1]), band * bins + (first[band] ?? 0));
  return dense;
}

const f = Math.fround;

/** What Kaldi's filter bank of ImageBind covers: 128 bands from 20 Hz to half of 16 kHz, over a transform of 512 samples. */
const KALDI = { bands: 128, fft: 512, sampleRate: 16_000, low: 20 };
/** Bins at which torch's vectorised float32 logarithm is a unit in the last place off the nearest number; the true values lie within 0.006 of a tie. */
const TORCH_LOG: Readonly<Record<number, number>> = { 12: -1, 55: -1, 236: 1 };

/**
 * The filters of ImageBind's filter bank: triangles of equal width on the scale 1127 ln(1 + f/700), over the 256 bins below the
 * Nyquist frequency (torchaudio `compliance/kaldi.py`, `get_mel_banks`). Every operation is rounded to float32 as there, since
 * the encoder was trained on those numbers: differences of nearly equal mels make one rounding worth 1e-5.
 */
export function kaldiBanks(): MelBanks {
  const { bands, fft, sampleRate, low } = KALDI;
  const lowest = kaldiMel(low);
  const step = (kaldiMel(sampleRate / 2) - lowest) / (bands + 1);
  const edge = (i: number): number => f(f(lowest) + f(i * f(step)));
  const mels = Float32Array.from({ length: fft / 2 }, (_, bin) => {
    const log = f(Math.log(f(1 + f((bin * sampleRate) / fft / 700))));
    // A unit in the last place of a float32 in [2ᵏ, 2ᵏ⁺¹) is 2ᵏ⁻²³.
    return 1127 * (log + (TORCH_LOG[bin] ?? 0) * 2 ** (Math.floor(Math.log2(log)) - 23));
  });
  return sparse(bands, fft / 2, (band, bin) => {
    const [left, peak, right, at] = [edge(band), edge(band + 1), edge(band + 2), mels[bin] ?? 0];
    return Math.min(f(f(at - left) / f(peak - left)), f(f(right - at) / f(right - peak)));
  });
}

/** How mels are counted, and whether every filter has the same area. */
export type MelScale = 'htk' | 'slaney';

/**
 * Triangles between frequencies that are equally far apart in mels, over `fft/2 + 1` bins: HTK's scale 2595 log₁₀(1 + f/700) with
 * peaks of 1, in float32 as torchaudio's `melscale_fbanks` (norm None), or Slaney's, linear below 1 kHz, with areas of 1, in
 * float64 as librosa's `filters.mel`.
 */
export function melBanks(
  scale: MelScale,
  options: {
    readonly bands: number;
    readonly fft: number;
    readonly sampleRate: number;
    readonly low: number;
    readonly high: number;
  },
): MelBanks {
  const { bands, fft, sampleRate, low, high } = options;
  const edges = scale === 'htk' ? htkEdges(low, high, bands + 2) : slaneyEdges(low, high, bands + 2);
  const round = scale === 'htk' ? f : (x: number): number => x;
  return sparse(bands, fft / 2 + 1, (band, bin) => {
    const at = (bin * sampleRate) / fft;
    const [left, peak, right] = [edges[band] ?? 0, edges[band + 1] ?? 0, edges[band + 2] ?? 0];
    const up = round(round(at - left) / round(peak - left));
    const triangle = Math.min(up, round(round(right - at) / round(right - peak)));
    return scale === 'slaney' ? (triangle * 2) / (right - left) : triangle;
  });
}

/** Numbers that torch's `linspace` computes at once: the first of eight from an end, the others from the first. */
const LANES = 8;

/** Frequencies equally far apart in HTK's mels, to the bit of torch's float32 `linspace` and powers. */
function htkEdges(low: number, high: number, count: number): Float32Array {
  const [first, last] = [f(htkMel(low)), f(htkMel(high))];
  const step = f(f(last - first) / (count - 1));
  const whole = Math.floor(count / LANES) * LANES;
  return Float32Array.from({ length: count }, (_, i) => {
    const base = i < whole ? i - (i % LANES) : i;
    const from = base < count / 2 ? f(first + f(step * base)) : f(last - f(step * (count - 1 - base)));
    const at = f(from + f((i - base) * step));
    return f(700 * f(f(10 ** f(at / 2595)) - 1));
  });
}

/** Slaney's scale (Auditory Toolbox; librosa `hz_to_mel`): 200/3 Hz a mel up to 1 kHz, then 27 steps for a factor of 6.4. */
function slaneyEdges(low: number, high: number, count: number): Float64Array {
  const [perMel, knee, step] = [200 / 3, 1000, Math.log(6.4) / 27];
  const toMel = (hertz: number): number =>
    hertz < knee ? hertz / perMel : knee / perMel + Math.log(hertz / knee) / step;
  const toHertz = (mel: number): number =>
    mel * perMel < knee ? mel * perMel : knee * Math.exp(step * (mel - knee / perMel));
  const [first, last] = [toMel(low), toMel(high)];
  return Float64Array.from({ length: count }, (_, i) => toHertz(first + (i * (last - first)) / (count - 1)));
}

function kaldiMel(hertz: number): number {
  return 1127 * Math.log(1 + hertz / 700);
}

function htkMel(hertz: number): number {
  return 2595 * Math.log10(1 + hertz / 700);
}
