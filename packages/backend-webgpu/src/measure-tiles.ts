import type { Device } from './device.ts';
import { type ProductShape, type RegisterTile, type TileName, TILES } from './kernels/matmul-tiles.ts';
import { matmul } from './kernels/matmul.ts';
import { Memory } from './memory.ts';
import { Plan } from './plan.ts';

/** A submission that takes this long is mostly the device's work and not the way there. */
const LONG_ENOUGH_MS = 4;
/** Products of one submission, at most. */
const MOST_REPEATS = 64;
/** Submissions that are timed of each tile, in turn, so that what else the machine does befalls all alike; the shortest counts. */
const ROUNDS = 3;
/** A tile that takes so many times as long as another at first is not timed again. */
const HOPELESS = 3;

/** Tiles by name. */
type Tiles = Readonly<Partial<Record<TileName, RegisterTile>>>;

/** Milliseconds of a product of this shape with each of `tiles` that suits it; those that the device refuses are left out. */
export async function measureTiles(
  device: Device,
  shape: ProductShape,
  tiles: Tiles = TILES,
): Promise<ReadonlyMap<TileName, number>> {
  const memory = new Memory(device);
  const candidates = candidatesFor(tiles, shape, device.subgroups).map(([name, tile]) => ({
    name,
    plan: new Plan(device, { choose: async () => tile }),
  }));
  try {
    await device.guard('Measuring products', () => {
      const { m, n, k, transposeA, transposeB } = shape;
      const a = transposeA ? memory.take('a', k, m) : memory.take('a', m, k);
      const b = transposeB ? memory.take('b', n, k) : memory.take('b', k, n);
      const out = memory.take('out', m, n);
      for (const { plan } of candidates) matmul(plan, { a, b, out, transposeA, transposeB });
    });
    const prepared = await Promise.allSettled(candidates.map(({ plan }) => plan.prepare()));
    const runs = candidates.filter((_, i) => prepared[i]?.status === 'fulfilled');
    for (const { plan } of runs) await time(device, plan, 1); // drivers finish their work on a program when it first runs
    const first = await timeAll(device, runs, 1);
    const best = Math.min(...first.values());
    const repeats = Math.min(MOST_REPEATS, Math.max(1, Math.ceil(LONG_ENOUGH_MS / best)));
    const hopeful = runs.filter(({ name }) => (first.get(name) ?? Infinity) < HOPELESS * best);
    const times = new Map<TileName, number>();
    for (let round = 0; round < ROUNDS; round++)
      for (const [name, ms] of await timeAll(device, hopeful, repeats))
        times.set(name, Math.min(ms, times.get(name) ?? Infinity));
    return times;
  } finally {
    for (const { plan } of candidates) plan.close();
    memory.close();
  }
}

/** Those that are less than four times as high and as wide as the result: more of others would be computed for nothing. */
function candidatesFor(
  tiles: Tiles,
  { m, n }: ProductShape,
  subgroups: boolean,
): readonly (readonly [TileName, RegisterTile])[] {
  // The keys of a literal.
  const all = Object.entries(tiles) as readonly (readonly [TileName, RegisterTile])[];
  return all.filter(
    ([, { threadsM, perM, threadsN, perN, reads }]) =>
      threadsM * perM < 4 * m && threadsN * perN < 4 * n && (subgroups || reads !== 'subgroup'),
  );
}

async function timeAll(
  device: Device,
  runs: readonly { readonly name: TileName; readonly plan: Plan }[],
  repeats: number,
): Promise<ReadonlyMap<TileName, number>> {
  const times = new Map<TileName, number>();
  for (const { name, plan } of runs) times.set(name, await time(device, plan, repeats));
  return times;
}

/** Milliseconds of one of `repeats` products in one submission. */
async function time(device: Device, plan: Plan, repeats: number): Promise<number> {
  const started = performance.now();
  await device.guard('Measuring a product', () => {
    const encoder = device.createEncoder();
    for (let i = 0; i < repeats; i++) plan.encode(encoder);
    device.queue.submit([encoder.finish()]);
  });
  await device.queue.onSubmittedWorkDone();
  return (performance.now() - started) / repeats;
}
