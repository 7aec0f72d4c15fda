import { matrix } from './matrix.ts';
import type { Reals } from './matrix.ts';

/** Numbers that a seed decides. Every random choice in freebind is drawn from one of these, in core. */
export interface Random {
  /** A whole number in [0, 2³²). */
  uint32(): number;
  /** A float64 in [0, 1), 53 random bits. */
  uniform(): number;
  /** A whole number in [0, below). */
  below(below: number): number;
  /** Standard normal, by Marsaglia's polar method. */
  normal(): number;
  /** Beta(alpha, alpha) in (0, 1); alpha = 1 is uniform. FuseMix, section 4.2. */
  beta(alpha: number): number;
  /** The numbers 0 to n − 1 in random order (Fisher–Yates). */
  permutation(n: number): Int32Array;
}

/** FNV-1a with a murmur3 finish: one well-mixed 32-bit number from a seed and what it is for. */
export function hash32(...path: readonly (string | number)[]): number {
  let h = 0x811c9dc5;
  for (const ch of path.join('\0')) h = Math.imul(h ^ (ch.codePointAt(0) ?? 0), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * The generator for one purpose: `random(seed, 'order', epoch)`. Equal paths give equal numbers, so a run needs no
 * generator state in its checkpoints: its step number is enough. sfc32 (Chris Doty-Humphrey, PractRand), 12 rounds of warm-up.
 */
export function random(...path: readonly (string | number)[]): Random {
  let a = hash32('a', ...path);
  let b = hash32('b', ...path);
  let c = hash32('c', ...path);
  let counter = 1;
  const uint32 = (): number => {
    const t = (a + b + counter++) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) uint32();

  const uniform = (): number => ((uint32() >>> 5) * 0x4000000 + (uint32() >>> 6)) / 2 ** 53;
  const below = (n: number): number => Math.floor(uniform() * n);
  const normal = (): number => {
    for (;;) {
      const u = 2 * uniform() - 1;
      const v = 2 * uniform() - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) return u * Math.sqrt((-2 * Math.log(s)) / s);
    }
  };
  // Marsaglia and Tsang (2000) for shape >= 1; a smaller shape is raised by one and brought back by a power of a uniform.
  const gamma = (shape: number): number => {
    if (shape < 1) return gamma(shape + 1) * (1 - uniform()) ** (1 / shape);
    const d = shape - 1 / 3;
    const k = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = normal();
      const v = (1 + k * x) ** 3;
      if (v > 0 && Math.log(1 - uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
    }
  };
  const beta = (alpha: number): number => {
    if (alpha === 1) return uniform();
    const x = gamma(alpha);
    const y = gamma(alpha);
    // Both underflow for tiny alpha, where the distribution is a coin toss between the ends.
    return x + y === 0 ? below(2) : x / (x + y);
  };
  const permutation = (n: number): Int32Array => {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = below(i + 1);
      const swap = order[i] ?? 0;
      order[i] = order[j] ?? 0;
      order[j] = swap;
    }
    return order;
  };
  return { uint32, uniform, below, normal, beta, permutation };
}

/** `n` numbers uniform in [−bound, bound). */
export function uniformReals(n: number, bound: number, from: Random): Float32Array {
  const data = new Float32Array(n);
  for (let i = 0; i < n; i++) data[i] = (2 * from.uniform() - 1) * bound;
  return data;
}

/** A float32 matrix of standard normal numbers. */
export function normalMatrix(rows: number, cols: number, from: Random): ReturnType<typeof matrix> {
  const data: Reals = new Float32Array(rows * cols);
  for (let i = 0; i < data.length; i++) data[i] = from.normal();
  return matrix(rows, cols, data);
}
