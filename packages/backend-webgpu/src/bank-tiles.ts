import type { Table } from '@freebind/core';
import type { Device } from './device.ts';
import { OutOfMemory } from './device-errors.ts';
import type { Engine } from './engine.ts';
import { Memory, write } from './memory.ts';
import { alignedBytes, type Rows, sliceOf } from './rows.ts';
import { tilesOf } from './table-tiles.ts';

/** Some rows of a bank, from row `start`, on the device. */
export interface BankTile {
  readonly start: number;
  readonly keys: Rows;
  /** Those of the keys where the bank has no others. */
  readonly values: Rows;
}

/** A bank in tiles: those of one that fits stay on the device, those of another come from its tables each time. */
export class BankTiles {
  readonly #engine: Engine;
  readonly #keys: Table;
  readonly #values: Table | undefined;
  #resident: { readonly memory: Memory; readonly tiles: readonly BankTile[] } | undefined;

  private constructor(engine: Engine, keys: Table, values: Table | undefined) {
    this.#engine = engine;
    this.#keys = keys;
    this.#values = values;
  }

  /** Uploads a bank that fits; one that the device turns out to have no memory for is streamed. */
  static async open(engine: Engine, keys: Table, values: Table | undefined, check: () => void): Promise<BankTiles> {
    const bank = new BankTiles(engine, keys, values);
    const bytes = alignedBytes(keys.rows * keys.cols) + (values ? alignedBytes(values.rows * values.cols) : 0);
    if (bytes > engine.residentBytes) return bank;
    const memory = new Memory(engine.device);
    try {
      const tiles: BankTile[] = [];
      for (const { start, end } of bank.#places()) {
        const tile = await bank.#upload(start, end, check, () => bank.#takeTile(memory, end - start));
        tiles.push(tile);
        // What was written waits in the host's memory until the device has taken it.
        await engine.device.queue.onSubmittedWorkDone();
      }
      bank.#resident = { memory, tiles };
    } catch (error) {
      memory.close();
      if (!(error instanceof OutOfMemory)) throw error;
    }
    return bank;
  }

  /** Rows of the longest tile. */
  get longest(): number {
    const [{ start, end } = { start: 0, end: 0 }] = this.#places();
    return end - start;
  }

  /**
   * One tile after another. Streamed ones alternate between two sets of buffers: while the device works on what was submitted for
   * one, the next is read and uploaded; the third waits for the first, so that what is on its way to the device is bounded too.
   */
  async *walk(check: () => void): AsyncGenerator<BankTile> {
    if (this.#resident) {
      yield* this.#resident.tiles;
      return;
    }
    const { device } = this.#engine;
    const memory = new Memory(device);
    try {
      const sets = await device.guard('Streaming a bank', () => [0, 1].map(() => this.#takeTile(memory, this.longest)));
      const done: Promise<unknown>[] = [];
      for (const [i, { start, end }] of this.#places().entries()) {
        await done[i - 2];
        yield await this.#upload(start, end, check, () => cut(sets[i % 2], end - start));
        done.push(settled(device));
      }
    } finally {
      memory.close();
    }
  }

  close(): void {
    this.#resident?.memory.close();
    this.#resident = undefined;
  }

  #places(): ReturnType<typeof tilesOf> {
    return tilesOf(this.#keys.rows, Math.max(this.#keys.cols, this.#values?.cols ?? 0));
  }

  #takeTile(memory: Memory, rows: number): Omit<BankTile, 'start'> {
    const keys = memory.take('keys', rows, this.#keys.cols);
    return { keys, values: this.#values ? memory.take('values', rows, this.#values.cols) : keys };
  }

  async #upload(
    start: number,
    end: number,
    check: () => void,
    place: () => Omit<BankTile, 'start'>,
  ): Promise<BankTile> {
    const keys = await this.#keys.read(start, end);
    const values = await this.#values?.read(start, end);
    check();
    return this.#engine.device.guard('Uploading a bank', () => {
      const tile = place();
      write(this.#engine.device, tile.keys, keys.data);
      if (values) write(this.#engine.device, tile.values, values.data);
      return { start, ...tile };
    });
  }
}

function cut(tile: Omit<BankTile, 'start'> | undefined, rows: number): Omit<BankTile, 'start'> {
  if (tile === undefined) throw new RangeError('there are two sets of buffers');
  const keys = sliceOf(tile.keys, 0, rows);
  return { keys, values: tile.values === tile.keys ? keys : sliceOf(tile.values, 0, rows) };
}

/** When what was submitted is done; a device that is lost says so elsewhere. */
function settled(device: Device): Promise<unknown> {
  return device.queue.onSubmittedWorkDone().catch(() => undefined);
}
