/**
 * Power spectra of real frames of `size` samples, a power of two of at least 8: |Σ x[j] e^(−2πi jk/size)|² for k = 0 … size/2, in float64. A
 * complex transform of half the size (decimation in time, radix 2) on even and odd samples, then their recombination.
 */
export class PowerSpectrum {
  readonly size: number;
  readonly #cosines: Float64Array;
  readonly #sines: Float64Array;
  readonly #places: Uint32Array;
  readonly #re: Float64Array;
  readonly #im: Float64Array;

  constructor(size: number) {
    const half = size / 2;
    this.size = size;
    this.#cosines = Float64Array.from({ length: half }, (_, k) => Math.cos((2 * Math.PI * k) / size));
    this.#sines = Float64Array.from({ length: half }, (_, k) => Math.sin((2 * Math.PI * k) / size));
    const bits = Math.log2(half);
    this.#places = Uint32Array.from({ length: half }, (_, i) => {
      let reversed = 0;
      for (let b = 0; b < bits; b++) reversed = (reversed << 1) | ((i >> b) & 1);
      return reversed;
    });
    this.#re = new Float64Array(half);
    this.#im = new Float64Array(half);
  }

  /** Writes size/2 + 1 powers of `frame` into `powers`. */
  of(frame: Float64Array, powers: Float64Array): void {
    const [re, im, places] = [this.#re, this.#im, this.#places];
    const half = this.size / 2;
    for (let i = 0; i < half; i++) {
      const to = places[i] ?? 0;
      re[to] = frame[2 * i] ?? 0;
      im[to] = frame[2 * i + 1] ?? 0;
    }
    this.#transform(re, im);
    this.#recombine(re, im, powers);
  }

  #transform(re: Float64Array, im: Float64Array): void {
    const half = re.length;
    const cosines = this.#cosines;
    const sines = this.#sines;
    // The first two passes have no factors but 1 and −i, and are one.
    for (let i = 0; i < half; i += 4) {
      const ar = (re[i] ?? 0) + (re[i + 1] ?? 0);
      const ai = (im[i] ?? 0) + (im[i + 1] ?? 0);
      const br = (re[i] ?? 0) - (re[i + 1] ?? 0);
      const bi = (im[i] ?? 0) - (im[i + 1] ?? 0);
      const cr = (re[i + 2] ?? 0) + (re[i + 3] ?? 0);
      const ci = (im[i + 2] ?? 0) + (im[i + 3] ?? 0);
      const dr = (re[i + 2] ?? 0) - (re[i + 3] ?? 0);
      const di = (im[i + 2] ?? 0) - (im[i + 3] ?? 0);
      re[i] = ar + cr;
      im[i] = ai + ci;
      re[i + 1] = br + di;
      im[i + 1] = bi - dr;
      re[i + 2] = ar - cr;
      im[i + 2] = ai - ci;
      re[i + 3] = br - di;
      im[i + 3] = bi + dr;
    }
    for (let span = 4; span < half; span *= 2) {
      const stride = half / span;
      for (let start = 0; start < half; start += 2 * span) {
        for (let k = 0; k < span; k++) {
          const c = cosines[k * stride] ?? 0;
          const s = sines[k * stride] ?? 0;
          const i = start + k;
          const j = i + span;
          const xr = re[j] ?? 0;
          const xi = im[j] ?? 0;
          const tr = xr * c + xi * s;
          const ti = xi * c - xr * s;
          const ar = re[i] ?? 0;
          const ai = im[i] ?? 0;
          re[j] = ar - tr;
          im[j] = ai - ti;
          re[i] = ar + tr;
          im[i] = ai + ti;
        }
      }
    }
  }

  /** The spectrum of all samples from the spectra of even and odd ones, which are one transform's conjugate parts. */
  #recombine(re: Float64Array, im: Float64Array, powers: Float64Array): void {
    const half = re.length;
    const cosines = this.#cosines;
    const sines = this.#sines;
    powers[0] = ((re[0] ?? 0) + (im[0] ?? 0)) ** 2;
    powers[half] = ((re[0] ?? 0) - (im[0] ?? 0)) ** 2;
    for (let k = 1; k < half; k++) {
      const j = half - k;
      const evenRe = ((re[k] ?? 0) + (re[j] ?? 0)) / 2;
      const evenIm = ((im[k] ?? 0) - (im[j] ?? 0)) / 2;
      const oddRe = ((im[k] ?? 0) + (im[j] ?? 0)) / 2;
      const oddIm = ((re[j] ?? 0) - (re[k] ?? 0)) / 2;
      const real = evenRe + oddRe * (cosines[k] ?? 0) + oddIm * (sines[k] ?? 0);
      const imaginary = evenIm + oddIm * (cosines[k] ?? 0) - oddRe * (sines[k] ?? 0);
      powers[k] = real * real + imaginary * imaginary;
    }
  }
}
