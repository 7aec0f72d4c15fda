import type { Reals } from '@freebind/core';
import type { Device } from './device.ts';
import { tooLarge } from './device-errors.ts';
import { alignedBytes, countOf, type Rows } from './rows.ts';
import { COPY_SOURCE, COPY_TARGET, STORAGE } from './usage.ts';

/** Rows that are allocated and freed together. What is given back serves the next request of its size. */
export class Memory {
  readonly #device: Device;
  readonly #buffers = new Set<GPUBuffer>();
  readonly #free = new Map<number, GPUBuffer[]>();

  constructor(device: Device) {
    this.#device = device;
  }

  /**
   * Rows of zeros if nothing was given back, else of anything. Call it within `Device.guard`.
   * @throws FREEBIND_BACKEND_FAILED when one binding cannot cover them
   */
  take(label: string, rows: number, cols: number): Rows {
    const size = alignedBytes(rows * cols);
    if (size > this.#device.largestBinding)
      throw tooLarge(`"${label}" [${rows}, ${cols}]`, size, this.#device.largestBinding);
    const buffer =
      this.#free.get(size)?.pop() ?? this.#device.createBuffer(label, size, STORAGE | COPY_SOURCE | COPY_TARGET);
    this.#buffers.add(buffer);
    return { buffer, offset: 0, rows, cols };
  }

  /** Rows that hold `data`, rounded to float32. Call it within `Device.guard`. */
  hold(label: string, rows: number, cols: number, data: Reals): Rows {
    const held = this.take(label, rows, cols);
    write(this.#device, held, data);
    return held;
  }

  /** For the next `take` of this size: commands that are recorded later may write over it. */
  giveBack({ buffer }: Rows): void {
    const free = this.#free.get(buffer.size) ?? [];
    free.push(buffer);
    this.#free.set(buffer.size, free);
  }

  close(): void {
    for (const buffer of this.#buffers) this.#device.destroyBuffer(buffer);
    this.#buffers.clear();
    this.#free.clear();
  }
}

/** Writes numbers to the start of `rows`, rounded to float32, before what is submitted next. */
export function write(device: Device, rows: Rows, data: Reals | Int32Array | Uint32Array): void {
  const words = data instanceof Float64Array ? Float32Array.from(data) : data;
  const length = Math.min(words.length, countOf(rows));
  if (length > 0) device.queue.writeBuffer(rows.buffer, rows.offset, words, 0, length);
}
