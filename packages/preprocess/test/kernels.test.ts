// What the golden files do not reach: other sizes, parts, and memory that was used before.
import { random } from '@freebind/core';
import {
  ClapMel,
  denseBanks,
  firstNotFinite,
  KaiserResampler,
  melBanks,
  resizeBicubic,
  SincResampler,
} from '@freebind/preprocess';
import { describe, expect, test } from 'vitest';
import { MelSpectrum } from '../src/mel-spectrum.ts';
import { toPlanes } from '../src/pixels.ts';

const noise = (length: number, name: string): Float32Array => {
  const draw = random('kernels', name);
  return Float32Array.from({ length }, () => draw.uniform() - 0.5);
};

describe('resizing', () => {
  test.each([
    [97, 61, 31, 40],
    [33, 500, 7, 129],
    [5, 3, 64, 48],
    [40, 30, 40, 11],
    [40, 30, 13, 30],
    [1, 1, 9, 4],
    [600, 400, 224, 149],
  ])('%i × %i to %i × %i is what the formula gives, to the bit', (width, height, toWidth, toHeight) => {
    const source = picture(width, height);
    const { data } = resizeBicubic(source, toWidth, toHeight);
    expect(data).toEqual(down(across(source, toWidth), toHeight).data);
  });

  test('a part is that part of the whole', () => {
    const source = picture(150, 90);
    const [whole, region] = [resizeBicubic(source, 70, 42), { left: 11, top: 5, width: 33, height: 21 }];
    const rows = Array.from({ length: 21 }, (_, y) =>
      whole.data.subarray(3 * ((y + 5) * 70 + 11), 3 * ((y + 5) * 70 + 44)),
    );
    expect([...resizeBicubic(source, 70, 42, region).data]).toEqual(rows.flatMap((row) => [...row]));
  });
});

test.each([
  [1, 1],
  [5, 3],
  [16, 4],
])('%i × %i pixels to planes', (width, height) => {
  const { data } = picture(width, height);
  const planes = [0, 1, 2].flatMap((c) => Array.from(data.filter((_, i) => i % 3 === c)));
  expect([...toPlanes({ data, width, height })]).toEqual(planes);
});

interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

function picture(width: number, height: number): Picture {
  const draw = noise(3 * width * height, `${width} ${height}`);
  return { width, height, data: Uint8Array.from(draw, (x) => Math.floor(256 * (x + 0.5))) };
}

/** One pass of Pillow's, written to be read. */
function across({ width, height, data }: Picture, target: number): Picture {
  if (target === width) return { width, height, data };
  const out = new Uint8ClampedArray(3 * target * height);
  const scale = width / target;
  const wide = Math.max(scale, 1);
  for (let x = 0; x < target; x++) {
    const centre = (x + 0.5) * scale;
    const start = Math.max(Math.trunc(centre - 2 * wide + 0.5), 0);
    const end = Math.min(Math.trunc(centre + 2 * wide + 0.5), width);
    const raw = Array.from({ length: end - start }, (_, t) => cubic((t + start - centre + 0.5) * (1 / wide)));
    const sum = raw.reduce((a, b) => a + b, 0);
    const weights = raw.map((w) => Math.trunc((w < 0 ? -0.5 : 0.5) + (w / sum) * 2 ** 22));
    for (let y = 0; y < height; y++)
      for (let c = 0; c < 3; c++)
        out[3 * (y * target + x) + c] =
          weights.reduce((s, w, t) => s + w * (data[3 * (y * width + start + t) + c] ?? 0), 2 ** 21) >> 22;
  }
  return { width: target, height, data: new Uint8Array(out.buffer) };
}

function down(source: Picture, target: number): Picture {
  return turned(across(turned(source), target));
}

function turned({ width, height, data }: Picture): Picture {
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++) out[3 * (x * height + y) + c] = data[3 * (y * width + x) + c] ?? 0;
  return { width: height, height: width, data: out };
}

function cubic(x: number): number {
  const d = Math.abs(x);
  if (d < 1) return (1.5 * d - 2.5) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * -0.5 : 0;
}

describe('resampling', () => {
  test.each([
    [44_100, 16_000],
    [8000, 48_000],
    [96_000, 48_000],
    [11_025, 16_000],
  ])('from %i Hz to %i Hz, parts are those of the whole', (from, to) => {
    const samples = noise(50_000, `${from}`);
    const whole = new SincResampler(from, to).resample(samples);
    const kaiser = new KaiserResampler(from, to).resample(samples);
    expect([whole.length, kaiser.length]).toEqual(Array(2).fill(Math.ceil((50_000 * to) / from)));
    for (const [start, end] of [
      [0, 1],
      [777, 9001],
      [whole.length - 5, whole.length],
    ] as const)
      expect(new SincResampler(from, to).resample(samples, start, end)).toEqual(whole.slice(start, end));
  });

  // Of 44,099 Hz the weights are read off a table.
  test.each([44_100, 44_099])('a constant at %i Hz stays one, far from the ends and across pieces', (rate) => {
    const found = new KaiserResampler(rate, 48_000).resample(new Float32Array(60_000).fill(0.25));
    // −126 dB of 0.25, and 193 sums in float32.
    expect(Math.max(...found.slice(300, -300).map((x) => Math.abs(x - 0.25)))).toBeLessThan(1e-6);
  });

  test(
    'five minutes in 300 samples, whose filter has 48,000 phases, take no longer than others',
    { timeout: 5000 },
    () => {
      expect(new KaiserResampler(1, 48_000).resample(new Float32Array(300).fill(0.25))).toHaveLength(300 * 48_000);
    },
  );

  test('rates whose filter would be too large are refused', () => {
    expect(() => new KaiserResampler(96_001, 48_000)).toThrow(
      expect.objectContaining({ code: 'FREEBIND_ARGUMENT_INVALID', message: expect.stringContaining('96001 Hz') }),
    );
    expect(new KaiserResampler(96_000, 48_000).resample(new Float32Array(4))).toHaveLength(2);
  });
});

test('the first sample that is not finite is found wherever it is', () => {
  for (const length of [1, 5, 32_768, 70_001])
    for (const bad of [NaN, Infinity, -Infinity]) {
      const samples = noise(length, `${length}`);
      expect(firstNotFinite(samples)).toBe(-1);
      samples[length - 1] = bad;
      expect(firstNotFinite(samples)).toBe(length - 1);
      samples[length >> 1] = bad;
      expect(firstNotFinite(samples)).toBe(length >> 1);
    }
});

// Transforms of 16 and of 32 numbers: with and without a pass of two.
test.each([32, 64])('levels in frames of %i are logarithms of energies from the floor to the loudest', (size) => {
  // A sine of one bin under no window has (amplitude · size / 2)² in that bin.
  const amplitudes = Float32Array.from({ length: 301 }, (_, i) => 10 ** (i / 10 - 20));
  const spectrum = new MelSpectrum({
    size,
    hop: size,
    window: new Float64Array(size).fill(1),
    emphasis: 0,
    banks: {
      bands: 1,
      bins: size / 2,
      first: Int32Array.of(3),
      begin: Int32Array.of(0, 1),
      weights: Float64Array.of(1),
    },
    floor: 1e-30,
    scale: 1,
  });
  const { data } = spectrum.of(amplitudes.length, {
    read: (from, into) => {
      for (let i = 0; i < into.length; i++) into[i] = (amplitudes[Math.floor((from + i) / size)] ?? 0) * sine(i, size);
    },
    offset: () => 0,
  });
  // Samples are float32, so energies are within 2⁻²² of that; as are levels, of their own size.
  const wrong = amplitudes.filter((amplitude, i) => {
    const wanted = Math.log(Math.max(((size / 2) * amplitude) ** 2, 1e-30));
    return !(Math.abs((data[i] ?? 0) - wanted) <= 2 ** -22 * (1 + Math.abs(wanted)));
  });
  expect([...wrong]).toEqual([]);
});

function sine(i: number, size: number): number {
  return Math.cos((2 * Math.PI * 3 * (i % size)) / size);
}

test('mels of an odd number of frames are those of the formula', () => {
  const samples = noise(2 * 480 + 100, 'mel');
  const banks = melBanks('htk', { bands: 64, fft: 1024, sampleRate: 48_000, low: 50, high: 14_000 });
  const dense = denseBanks(banks);
  const { frames, data } = new ClapMel('htk').of(samples);
  expect(frames).toBe(3);
  for (let f = 0; f < 3; f++) {
    const frame = Array.from({ length: 1024 }, (_, i) => {
      const at = Math.abs(f * 480 - 512 + i);
      const sample = samples[at < samples.length ? at : 2 * (samples.length - 1) - at] ?? 0;
      return sample * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / 1024));
    });
    const powers = Array.from({ length: 513 }, (_, k) => {
      const angle = (i: number): number => (2 * Math.PI * ((i * k) % 1024)) / 1024;
      const re = frame.reduce((sum, x, i) => sum + x * Math.cos(angle(i)), 0);
      const im = frame.reduce((sum, x, i) => sum + x * Math.sin(angle(i)), 0);
      return re * re + im * im;
    });
    for (let b = 0; b < 64; b++) {
      const energy = powers.reduce((sum, power, k) => sum + power * (dense[b * 513 + k] ?? 0), 0);
      // A float32 of some tens of dB.
      expect(data[f * 64 + b]).toBeCloseTo(10 * Math.log10(energy), 4);
    }
  }
});
