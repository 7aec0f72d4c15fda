import { hash32 } from '@freebind/core';
import type { Device } from './device.ts';
import type { Host, Measurements } from './host.ts';
import {
  HALF_TILES,
  halfTileFor,
  isLarge,
  type MatmulTile,
  type ProductShape,
  type TileChoice,
  tileFor,
  type TileName,
  TILES,
} from './kernels/matmul-tiles.ts';
import { tileSources } from './kernels/matmul.ts';
import { layoutName } from './kernels/product.ts';
import { measureTiles } from './measure-tiles.ts';

/** Sides above this are measured as this: a device that is filled by such a product is filled by a larger one. */
const LARGEST_SIDE = 1024;
/** What another tile must gain to take the place of the rule's: less is noise. */
const GAIN = 0.05;

const ALL = { ...TILES, ...HALF_TILES };

/** Which tiles there are to choose from, and how. */
export interface Choosing {
  /** Whether large products have float16 factors. */
  readonly mixed: boolean;
  /** By measurements on the device, kept for later runs as long as adapter, driver and kernels stay the same; else by rule. */
  readonly tune: boolean;
  /** Multiplications of a product that is large. */
  readonly large: number;
}

export function chooseTiles(device: Device, host: Host, { mixed, tune, large }: Choosing): TileChoice {
  const small = (shape: ProductShape): TileName => tileFor(shape, device.software);
  const rule = mixed ? halfTileFor : small;
  if (!tune) return { choose: async (shape) => ALL[isLarge(shape, large) ? rule(shape) : small(shape)] };
  return new TileTuner({
    small,
    rule,
    large,
    measure: (shape) => measureTiles(device, shape, mixed ? HALF_TILES : TILES),
    kept: host.openMeasurements?.({
      adapter: device.identity,
      subgroups: device.subgroups,
      kernels: hash32(tileSources()),
      ...(mixed && { factors: 'float16' }),
    }),
  });
}

/** What a tuner works with. */
export interface TunerParts {
  /** The tile of products that are not worth measuring. */
  readonly small: (shape: ProductShape) => TileName;
  /** The tile of large products where nothing could be measured, or nothing gains. */
  readonly rule: (shape: ProductShape) => TileName;
  /** Multiplications from which a product is measured. */
  readonly large: number;
  /** Milliseconds by tile. */
  readonly measure: (shape: ProductShape) => Promise<ReadonlyMap<TileName, number>>;
  readonly kept: Measurements | undefined;
}

/**
 * Chooses tiles of large products by measuring each class of shapes once: sides are rounded up to powers of two. Since all that it
 * chooses between give the same bits (`kernels/matmul.ts`), a choice that another load on the machine has spoiled costs time and nothing else.
 */
export class TileTuner implements TileChoice {
  readonly #parts: TunerParts;
  readonly #chosen = new Map<string, Promise<TileName>>();
  #known: Promise<Map<string, TileName>> | undefined;
  /** Measurements take turns, as two at once would slow each other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: TunerParts) {
    this.#parts = parts;
  }

  async choose(shape: ProductShape): Promise<MatmulTile> {
    if (!isLarge(shape, this.#parts.large)) return ALL[this.#parts.small(shape)];
    const { key, measured } = classOf(shape);
    let chosen = this.#chosen.get(key);
    if (chosen === undefined) {
      chosen = this.#find(key, measured);
      this.#chosen.set(key, chosen);
    }
    return ALL[await chosen];
  }

  async #find(key: string, shape: ProductShape): Promise<TileName> {
    this.#known ??= this.#recall();
    const known = (await this.#known).get(key);
    if (known !== undefined) return known;
    const turn = this.#last.then(() => this.#parts.measure(shape));
    this.#last = turn.catch(() => undefined);
    const rule = this.#parts.rule(shape);
    // A device that cannot measure says why when it is to compute; until then the rule is as good.
    const times = await turn.catch(() => new Map<TileName, number>());
    const [fastest, least] = [...times].reduce((a, b) => (b[1] < a[1] ? b : a), [rule, Infinity] as const);
    if (least === Infinity) return rule;
    const tile = least < (1 - GAIN) * (times.get(rule) ?? Infinity) ? fastest : rule;
    await this.#keep(key, tile);
    return tile;
  }

  async #recall(): Promise<Map<string, TileName>> {
    const kept = await this.#parts.kept?.recall();
    const entries = typeof kept === 'object' && kept !== null ? Object.entries(kept) : [];
    return new Map(entries.flatMap(([key, name]) => (isTileName(name) ? [[key, name] as const] : [])));
  }

  /** With what other processes have kept meanwhile. */
  async #keep(key: string, tile: TileName): Promise<void> {
    const { kept } = this.#parts;
    if (kept === undefined) return;
    const all = await this.#recall();
    await kept.keep(Object.fromEntries([...all.set(key, tile)].sort(([a], [b]) => (a < b ? -1 : 1))));
  }
}

function classOf({ m, n, k, transposeA, transposeB }: ProductShape): {
  readonly key: string;
  readonly measured: ProductShape;
} {
  const [tall, wide, deep] = [m, n, k].map((side) => Math.min(LARGEST_SIDE, 2 ** Math.ceil(Math.log2(side)))) as [
    number,
    number,
    number,
  ]; // three of three
  return {
    key: `${layoutName(transposeA, transposeB)} ${tall}×${deep}×${wide}`,
    measured: { m: tall, n: wide, k: deep, transposeA, transposeB },
  };
}

function isTileName(name: unknown): name is TileName {
  return typeof name === 'string' && Object.hasOwn(ALL, name);
}
