import type { Frames } from './frames.ts';
import { kernelsFor } from './kernels.ts';
import type { MelBanks } from './mel-banks.ts';

/** How frames are taken out of samples, and what becomes of the energies of their bands. */
export interface MelSettings {
  /** Samples of a transform: a power of two of at least 32. */
  readonly size: number;
  /** Weights of a frame's samples, an even number and at most `size`; zeros follow. */
  readonly window: Float64Array;
  /** Samples from one frame to the next. */
  readonly hop: number;
  /** The share of the sample before that is taken from each; the first is its own. */
  readonly emphasis: number;
  readonly banks: MelBanks;
  /** Energies below this count as this. */
  readonly floor: number;
  /** Of the natural logarithm. */
  readonly scale: number;
}

/** What is transformed. */
export interface FrameSource {
  /** Writes the samples from place `from` on, counted from the first frame's first, until `into` is full. */
  read(from: number, into: Float32Array): void;
  /** What is taken from every sample of frame `f` after the emphasis. */
  offset(f: number): number;
}

/** Frames at a time, an even number, so that memory does not grow with the sound. */
const PIECE = 128;
/** Bytes of a float64 of two frames. */
const TWO = 16;

/**
 * Levels of the bands of real frames: logarithms of the powers |Σ x[j] e^(−2πi jk/size)|² for k = 0 … size/2, weighed by filters.
 * Float64, two frames at a time.
 */
export class MelSpectrum {
  readonly #settings: MelSettings;
  /** A quarter of the filters' weights, for powers that are four times as large. */
  readonly #weights: Float64Array;
  /** Cosine and sine of 2πk / size, three quarters of the way round. */
  readonly #turns: Float64Array;
  /** Where the transform takes sample i of its half size from, bits reversed, in bytes. */
  readonly #places: Int32Array;

  constructor(settings: MelSettings) {
    const { size, banks } = settings;
    const half = size / 2;
    this.#settings = settings;
    this.#weights = banks.weights.map((weight) => weight / 4);
    this.#turns = Float64Array.from({ length: 3 * half }, (_, i) => {
      const angle = (2 * Math.PI * Math.floor(i / 2)) / size;
      return i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
    });
    const bits = Math.log2(half);
    this.#places = Int32Array.from({ length: half }, (_, i) => {
      let reversed = 0;
      for (let b = 0; b < bits; b++) reversed = (reversed << 1) | ((i >> b) & 1);
      return 2 * TWO * reversed;
    });
  }

  /** [frames, bands] of levels. */
  of(frames: number, source: FrameSource): Frames {
    const { size, window, hop, emphasis, banks, floor, scale } = this.#settings;
    const { bands, first, begin } = banks;
    const half = size / 2;
    const piece = Math.min(PIECE, frames + (frames % 2));
    const given = (piece - 1) * hop + window.length;
    const tables = [this.#places, this.#turns, window, first, begin, this.#weights] as const;
    const { kernels, at } = kernelsFor([
      4 * given,
      4 * piece * bands,
      half * 2 * TWO,
      (half + 1) * TWO,
      this.#places.byteLength,
      this.#turns.byteLength,
      window.byteLength,
      first.byteLength,
      begin.byteLength,
      this.#weights.byteLength,
    ]);
    const [x, out, z, powers, ...tablesAt] = at;
    const { buffer } = kernels.memory;
    tables.forEach((table, i) => {
      const bytes = new Uint8Array(table.buffer, table.byteOffset, table.byteLength);
      new Uint8Array(buffer).set(bytes, tablesAt[i]);
    });
    const [places, turns, windowAt, firstAt, beginAt, weights] = tablesAt;
    const data = new Float32Array(frames * bands);
    for (let start = 0; start < frames; start += piece) {
      const count = Math.min(piece, frames - start);
      source.read(start * hop, new Float32Array(buffer, x, (count - 1) * hop + window.length));
      for (let f = 0; f < count; f += 2) {
        // The last of an odd number is its own neighbour.
        const next = Math.min(f + 1, count - 1);
        const [a, b] = [x + 4 * f * hop, x + 4 * next * hop];
        const [offsetA, offsetB] = [source.offset(start + f), source.offset(start + next)];
        kernels.frames(a, b, window.length, emphasis, offsetA, offsetB, windowAt, places, half, z);
        kernels.spectrum(z, half, turns, powers);
        const [to, other] = [out + 4 * f * bands, out + 4 * next * bands];
        kernels.levels(powers, firstAt, beginAt, weights, bands, floor, scale, to, other);
      }
      data.set(new Float32Array(buffer, out, count * bands), start * bands);
    }
    return { frames, bands, data };
  }
}
