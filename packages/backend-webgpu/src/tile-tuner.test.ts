import { expect, test } from 'vitest';
import type { Device } from './device.ts';
import type { ProductShape, TileName } from './kernels/matmul-tiles.ts';
import { HALF_TILES, LARGE, TILES } from './kernels/matmul-tiles.ts';
import { chooseTiles, TileTuner } from './tile-tuner.ts';

const shape = (m: number, n: number, k: number): ProductShape => ({ m, n, k, transposeA: false, transposeB: true });

/** A tuner by the rules `flat` and `medium` whose clock says `times`, and what it measured and kept. */
function tunerOf(times: Partial<Record<TileName, number>>, found?: unknown) {
  const measured: ProductShape[] = [];
  const kept: object[] = [];
  const tuner = new TileTuner({
    small: () => 'flat',
    rule: () => 'medium',
    large: LARGE,
    measure: async (one) => {
      measured.push(one);
      return new Map(Object.entries(times) as [TileName, number][]); // the keys of a literal
    },
    kept: {
      recall: async () => kept.at(-1) ?? found,
      keep: async (all) => void kept.push(all),
    },
  });
  return { tuner, measured, kept };
}

test('a class of shapes is measured once, however many ask at once, and the fastest tile is taken and kept', async () => {
  const { tuner, measured, kept } = tunerOf({ medium: 2, tall: 1, large: 3 });
  const shapes = [shape(500, 300, 1000), shape(512, 512, 1024), shape(257, 512, 700)];
  expect(await Promise.all(shapes.map((one) => tuner.choose(one)))).toEqual(shapes.map(() => TILES.tall));
  expect(measured).toEqual([shape(512, 512, 1024)]);
  // Another layout, and sides above the largest that are measured.
  await tuner.choose({ ...shape(4096, 2048, 1024), transposeA: true });
  expect(measured[1]).toEqual({ ...shape(1024, 1024, 1024), transposeA: true });
  expect(kept.at(-1)).toEqual({ 'A·Bᵀ 512×1024×512': 'tall', 'Aᵀ·Bᵀ 1024×1024×1024': 'tall' });
});

test('a tile that gains less than noise does not take the place of the rule', async () => {
  const { tuner } = tunerOf({ medium: 2, tall: 1.95 });
  expect(await tuner.choose(shape(512, 512, 512))).toBe(TILES.medium);
});

test('small products are not measured', async () => {
  const { tuner, measured } = tunerOf({ medium: 2, tall: 1 });
  expect(await tuner.choose(shape(100, 100, 100))).toBe(TILES.flat);
  expect(measured).toEqual([]);
});

test('what an earlier run kept is not measured again, and what is damaged is', async () => {
  const earlier = { 'A·Bᵀ 512×512×512': 'large', 'A·Bᵀ 512×512×256': 'gigantic', 'A·Bᵀ 256×512×512': 7 };
  const { tuner, measured, kept } = tunerOf({ small: 1 }, earlier);
  expect(await tuner.choose(shape(512, 512, 512))).toBe(TILES.large);
  expect(measured).toEqual([]);
  expect(await tuner.choose(shape(512, 256, 512))).toBe(TILES.small);
  expect(kept.at(-1)).toEqual({ 'A·Bᵀ 512×512×512': 'large', 'A·Bᵀ 512×512×256': 'small' });
  for (const found of ['text', null, [1], undefined]) {
    const other = tunerOf({ small: 1 }, found);
    expect(await other.tuner.choose(shape(512, 512, 512))).toBe(TILES.small);
    expect(other.measured).toHaveLength(1);
  }
});

test('a device that cannot measure computes by the rule, and nothing is kept', async () => {
  const { kept } = tunerOf({});
  const tuner = new TileTuner({
    small: () => 'flat',
    rule: () => 'medium',
    large: LARGE,
    measure: () => Promise.reject(new Error('lost')),
    kept: { recall: async () => undefined, keep: async (all) => void kept.push(all) },
  });
  expect(await tuner.choose(shape(512, 512, 512))).toBe(TILES.medium);
  const none = tunerOf({});
  expect(await none.tuner.choose(shape(512, 512, 512))).toBe(TILES.medium);
  expect([...kept, ...none.kept]).toEqual([]);
});

test('with mixed precision a product is large or not by its own sides, whether tiles are measured or not', async () => {
  // A device that measures nothing. Of a few rows through a wide layer the class is not large: sides above 1,024 count as that.
  const device = { software: false, subgroups: false, identity: {}, guard: () => Promise.reject(new Error('lost')) };
  for (const tune of [true, false]) {
    const tiles = chooseTiles(
      device as unknown as Device,
      { findGpu: () => Promise.reject(new Error('none')) },
      { mixed: true, tune, large: LARGE },
    );
    for (const rows of [2, 3]) expect(await tiles.choose(shape(rows, 2048, 1024))).toBe(HALF_TILES.half);
    expect(await tiles.choose(shape(1, 2048, 1024))).toBe(TILES.flat);
  }
});
