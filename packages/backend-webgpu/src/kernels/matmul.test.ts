import { expect, test } from 'vitest';
import {
  at,
  expectWithin,
  type Given,
  normal,
  onDevice,
  real,
  room,
  type RunKernel,
  sum,
  table,
  U,
} from '../../test/run-kernel.ts';
import { HALF_TILES, type RegisterTile, TILES } from './matmul-tiles.ts';
import { matmul } from './matmul.ts';

/** No side is a multiple of any tile's or slice's; the largest tile is not filled once, smaller ones are more than once. */
const [m, n, k] = [133, 70, 19];

/** What a thread chain of k fma may be off by, twice rounded each: relative to the sum of magnitudes. */
const CHAIN = 2 * k * U;

function transposed({
  rows,
  cols,
  data,
}: Given & { readonly data: Float32Array }): Given & { readonly data: Float32Array } {
  const out = room(cols, rows);
  data.forEach((x, i) => (out.data[(i % cols) * rows + Math.floor(i / cols)] = x));
  return out;
}

const [a, b] = [normal(m, k, 'a'), normal(k, n, 'b')];
const product = table(m, n, (r, c) => sum(k, (i) => at(a, r, i) * at(b, i, c)));
const magnitudes = table(m, n, (r, c) => sum(k, (i) => Math.abs(at(a, r, i) * at(b, i, c))));

/** The product by a tile, with both ways in which a slice of either side is read, along its rows and across them; and by another tile. */
async function products(run: RunKernel, tile: RegisterTile, otherTile: RegisterTile) {
  const { along, across } = await run(
    { a, b, aT: transposed(a), bT: transposed(b), along: room(m, n), across: room(m, n) },
    (plan, on) => {
      matmul(plan, { a: on.a, b: on.bT, transposeB: true, out: on.along });
      matmul(plan, { a: on.aT, transposeA: true, b: on.b, out: on.across });
    },
    tile,
  );
  const other = await run({ a, b, out: room(m, n) }, (plan, on) => matmul(plan, on), otherTile);
  return { along, across, other: other.out };
}

for (const [name, tile] of Object.entries(TILES)) {
  test(
    `the tile ${name} (${tile.name}) gives the product, whichever side is transposed, in the same bits as any other`,
    onDevice(async (run) => {
      const { along, across, other } = await products(run, tile, TILES.direct);
      expectWithin(along, product, (i) => CHAIN * (magnitudes[i] ?? 0));
      expect(along).toEqual(other);
      expect(across).toEqual(other);
    }, tile),
  );
}

/** The nearest float16 number of those that it has in full: eleven bits, ties to even. Adding 1.5 · 2⁵² rounds to a whole number. */
function nearestHalf(x: number): number {
  const unit = 2 ** (Math.floor(Math.log2(Math.abs(x))) - 10);
  return (x / unit + 1.5 * 2 ** 52 - 1.5 * 2 ** 52) * unit;
}

function halves(given: Given & { readonly data: Float32Array }): typeof given {
  return { ...given, data: given.data.map(nearestHalf) };
}

for (const [name, tile] of Object.entries(HALF_TILES)) {
  test(
    `the tile ${name} (${tile.name}) gives the product of the factors rounded to float16, added in float32, in the same bits as the other`,
    onDevice(async (run) => {
      const [left, right] = [halves(a), halves(b)];
      const rounded = table(m, n, (r, c) => sum(k, (i) => at(left, r, i) * at(right, i, c)));
      const { along, across, other } = await products(run, tile, HALF_TILES.half);
      expectWithin(along, rounded, (i) => CHAIN * (magnitudes[i] ?? 0));
      expect(along).toEqual(other);
      expect(across).toEqual(other);
    }, tile),
  );

  test(
    `the tile ${name} cuts factors off at the largest float16`,
    onDevice(async (run) => {
      const { out } = await run(
        { a: real(1e6, -1e6, 65_504), b: { ...real(1, 2, 1), rows: 3, cols: 1 }, out: room(1, 1) },
        (plan, on) => matmul(plan, on),
        tile,
      );
      expect(out).toEqual(Float32Array.of(0));
    }, tile),
  );
}

for (const tile of [TILES.direct, TILES.small]) {
  test(
    `a product of ${tile.name} ends in a bias, a sum or a rescaled sum`,
    onDevice(async (run) => {
      const [bias, rescale, before] = [normal(1, n, 'bias'), normal(m, 1, 'rescale'), normal(m, n, 'before')];
      const found = await run(
        { a, b, bias, rescale, biased: room(m, n), added: before, rescaled: before },
        (plan, on) => {
          matmul(plan, { a: on.a, b: on.b, out: on.biased, bias: on.bias });
          matmul(plan, { a: on.a, b: on.b, out: on.added, add: true });
          matmul(plan, { a: on.a, b: on.b, out: on.rescaled, rescale: on.rescale });
        },
        tile,
      );
      const check = (result: Float32Array, more: (r: number, c: number) => number): void =>
        expectWithin(
          result,
          table(m, n, (r, c) => (product[r * n + c] ?? 0) + more(r, c)),
          (i) =>
            CHAIN * (magnitudes[i] ?? 0) +
            2 * U * (Math.abs(product[i] ?? 0) + Math.abs(more(Math.floor(i / n), i % n))),
        );
      check(found.biased, (_, c) => at(bias, 0, c));
      check(found.added, (r, c) => at(before, r, c));
      check(found.rescaled, (r, c) => at(rescale, r, 0) * at(before, r, c));
    }),
  );
}
