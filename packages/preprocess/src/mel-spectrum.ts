import type { Frames } from './frames.ts';
import { kernelsFor } from './kernels.ts';
import type { MelBanks } from './mel-banks.ts';

/** Writes the samples of frame `f`, under its window, to `into[2 · i + lane]`. */
export type FillFrame = (f: number, into: Float64Array, lane: number) => void;

/**
 * Levels of the bands of real frames of `size` samples, a power of two of at least 16: the powers |Σ x[j] e^(−2πi jk/size)|² for
 * k = 0 … size/2, weighed by filters. Float64, two frames at a time.
 */
export class MelSpectrum {
  readonly #size: number;
  readonly #banks: MelBanks;
  readonly #cosines: Float64Array;
  readonly #sines: Float64Array;
  /** Where the transform takes sample i of its half size from, bits reversed, in bytes. */
  readonly #places: Int32Array;

  constructor(size: number, banks: MelBanks) {
    const half = size / 2;
    this.#size = size;
    this.#banks = banks;
    this.#cosines = Float64Array.from({ length: half }, (_, k) => Math.cos((2 * Math.PI * k) / size));
    this.#sines = Float64Array.from({ length: half }, (_, k) => Math.sin((2 * Math.PI * k) / size));
    const bits = Math.log2(half);
    this.#places = Int32Array.from({ length: half }, (_, i) => {
      let reversed = 0;
      for (let b = 0; b < bits; b++) reversed = (reversed << 1) | ((i >> b) & 1);
      return 16 * reversed;
    });
  }

  /** [frames, bands] of `level` of each band's energy. */
  of(frames: number, fill: FillFrame, level: (energy: number) => number): Frames {
    const { bands, first, begin, weights } = this.#banks;
    const half = this.#size / 2;
    const two = 16; // bytes of a number of both frames
    const tables = [this.#places, this.#cosines, this.#sines, first, begin, weights] as const;
    const { kernels, at } = kernelsFor([
      this.#size * two,
      (half + 1) * two,
      bands * two,
      half * two,
      half * two,
      this.#places.byteLength,
      this.#cosines.byteLength,
      this.#sines.byteLength,
      first.byteLength,
      begin.byteLength,
      weights.byteLength,
    ]);
    const [frame, powers, out, re, im, ...tablesAt] = at;
    const { buffer } = kernels.memory;
    tables.forEach((table, i) => {
      const bytes = new Uint8Array(table.buffer, table.byteOffset, table.byteLength);
      new Uint8Array(buffer).set(bytes, tablesAt[i]);
    });
    const [places, cosines, sines, firstAt, beginAt, weightsAt] = tablesAt;
    const into = new Float64Array(buffer, frame, 2 * this.#size);
    const energies = new Float64Array(buffer, out, 2 * bands);
    const data = new Float32Array(frames * bands);
    for (let f = 0; f < frames; f += 2) {
      fill(f, into, 0);
      if (f + 1 < frames) fill(f + 1, into, 1);
      kernels.spectrum(frame, half, places, cosines, sines, re, im, powers);
      kernels.bands(powers, firstAt, beginAt, weightsAt, bands, out);
      const lanes = Math.min(2, frames - f);
      for (let lane = 0; lane < lanes; lane++)
        for (let b = 0; b < bands; b++) data[(f + lane) * bands + b] = level(energies[2 * b + lane] ?? 0);
    }
    return { frames, bands, data };
  }
}
