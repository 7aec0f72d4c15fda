/** How a workgroup divides its part of a matrix product among its threads, which keep sums in registers. */
export interface RegisterTile {
  readonly name: string;
  readonly threadsM: number;
  readonly threadsN: number;
  /** Entries of a thread. */
  readonly perM: number;
  readonly perN: number;
  /**
   * How threads come by A and B: each reads what it needs from memory; slices of both go through workgroup memory, so many columns of
   * A at once; or a subgroup reads a piece of each row of A together and its lanes hand it to each other.
   */
  readonly reads: 'direct' | 'subgroup' | { readonly staged: number };
  /** Absent: float32. Float16 ones are rounded on the way into workgroup memory, see `staging.ts`; sums are float32 all the same. */
  readonly factors?: 'float16';
}

/** A tile of 64 × 64 whose factors are float16 and whose products are the device's own, of small matrices that a subgroup holds together. */
export interface MatrixTile {
  readonly name: string;
  readonly matrix: SubgroupMatrix;
}

/** A product of small matrices that an adapter offers: [m, k] · [k, n] of float16, added in float32. */
export interface SubgroupMatrix {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Of a subgroup: always so many. */
  readonly lanes: number;
}

/**
 * At most 256 threads and 16 KiB of workgroup memory each, which every WebGPU device has. An entry that is loaded into registers
 * serves perM (or perN) products, so large tiles need less bandwidth and small ones waste less at the edges of small matrices. A
 * slice is 8 deep: 32 bytes of a row, which is what memory gives at once.
 */
export const TILES = {
  /** Without workgroup memory, for devices in software, where barriers cost more than they save; `narrow` for a query or two. */
  narrow: { name: '2 × 64, direct', threadsM: 1, threadsN: 16, perM: 2, perN: 4, reads: 'direct' },
  direct: { name: '4 × 64, direct', threadsM: 1, threadsN: 16, perM: 4, perN: 4, reads: 'direct' },
  /** 4 × 32, for a handful of queries: a taller tile would mostly multiply rows that are not there. */
  flat: { name: '4 × 32', threadsM: 1, threadsN: 32, perM: 4, perN: 1, reads: { staged: 8 } },
  small: { name: '16 × 32', threadsM: 8, threadsN: 8, perM: 2, perN: 4, reads: { staged: 8 } },
  medium: { name: '64 × 64', threadsM: 16, threadsN: 16, perM: 4, perN: 4, reads: { staged: 8 } },
  tall: { name: '128 × 64', threadsM: 16, threadsN: 16, perM: 8, perN: 4, reads: { staged: 8 } },
  /** For devices whose subgroups are known to fill a workgroup of 64, where a measurement finds it faster. */
  lanes: { name: '8 × 128, subgroups', threadsM: 1, threadsN: 64, perM: 8, perN: 2, reads: 'subgroup' },
  large: { name: '128 × 128', threadsM: 16, threadsN: 16, perM: 8, perN: 8, reads: { staged: 8 } },
} as const satisfies Record<string, RegisterTile>;

/**
 * For mixed precision. Half as many bytes of workgroup memory an entry, so slices of 16; a product of two float16 factors is exact in
 * float32, so these two add up the same numbers in the same order and give the same bits as each other.
 */
export const HALF_TILES = {
  half: {
    name: '64 × 64, float16',
    threadsM: 16,
    threadsN: 16,
    perM: 4,
    perN: 4,
    reads: { staged: 16 },
    factors: 'float16',
  },
  halfLarge: {
    name: '128 × 128, float16',
    threadsM: 16,
    threadsN: 16,
    perM: 8,
    perN: 8,
    reads: { staged: 16 },
    factors: 'float16',
  },
} as const satisfies Record<string, RegisterTile>;

/** The name of a tile that is chosen by rule or by measuring. */
export type TileName = keyof typeof TILES | keyof typeof HALF_TILES;

/** How a product is computed. */
export type MatmulTile = RegisterTile | MatrixTile;

/** Of a product [m, k] · [k, n]; which side is given transposed decides how memory is walked, not what is computed. */
export interface ProductShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Says which tile a product is computed with. */
export interface TileChoice {
  choose(shape: ProductShape): Promise<MatmulTile>;
}

/** Multiplications of a product that is worth measuring, or rounding the factors of; a smaller one takes no longer than its submission. */
export const LARGE = 2 ** 22;

export function isLarge({ m, n, k }: ProductShape, large: number): boolean {
  return m * n * k >= large;
}

/** The tile for a product of this shape where nothing was measured. */
export function tileFor({ m, n }: Pick<ProductShape, 'm' | 'n'>, software: boolean): keyof typeof TILES {
  if (software) return m <= 2 ? 'narrow' : 'direct';
  if (m <= 4) return 'flat';
  if (m <= 32 || n <= 32) return 'small';
  return m * n < 2 ** 20 ? 'medium' : 'large';
}

/** The same for products of float16 factors. */
export function halfTileFor(shape: Pick<ProductShape, 'm' | 'n'>): keyof typeof HALF_TILES {
  return shape.m * shape.n < 2 ** 20 ? 'half' : 'halfLarge';
}
