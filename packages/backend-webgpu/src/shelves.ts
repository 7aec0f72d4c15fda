import { stateTensors, type Tensor, type TrainerOptions } from '@freebind/core';
import type { Device } from './device.ts';
import { tooLarge } from './device-errors.ts';
import type { Trained } from './kernels/adam.ts';
import { type Memory, write } from './memory.ts';
import { alignedBytes, countOf, NUMBER, type Rows } from './rows.ts';

/** Arrays of one kind, one behind the other in a buffer each for their values, moments and gradients. */
export interface Shelf extends Trained {
  /** Arrays of two or more dimensions decay. */
  readonly decays: boolean;
}

/** The state of a trainer on the device, by the names of a `TrainerState`. */
export interface StateLayout {
  /** Every array; a vector is one row. */
  readonly arrays: ReadonlyMap<string, Rows>;
  /** Gradients, by the name of what they belong to. */
  readonly gradients: ReadonlyMap<string, Rows>;
  /** What one dispatch of Adam moves. */
  readonly shelves: readonly Shelf[];
  /** Whole buffers, for a snapshot. */
  readonly buffers: readonly Rows[];
}

/**
 * Lays a trainer's state out: matrices, which decay, on some shelves, vectors on others, running statistics on their own; a shelf is
 * as long as one binding can be. Holds what training starts from. Call it within `Device.guard`.
 * @throws FREEBIND_BACKEND_FAILED when one array is larger than a binding
 */
export function layOut(device: Device, memory: Memory, options: TrainerOptions): StateLayout {
  const own = stateTensors(options).filter(({ name }) => !name.startsWith('adam.'));
  const arrays = new Map<string, Rows>();
  const gradients = new Map<string, Rows>();

  const matrices = own.filter(({ shape, trained }) => trained && shape.length >= 2);
  const vectors = own.filter(({ shape, trained }) => trained && shape.length < 2);
  const shelves = [matrices, vectors].flatMap((tensors, kind) =>
    divide(device, tensors).map(({ places, bytes }): Shelf => {
      const take = (label: string): Rows => memory.take(label, 1, bytes / NUMBER);
      const shelf = { value: take('values'), m: take('adam.m'), v: take('adam.v'), gradient: take('gradients') };
      enter(shelf.value, places, arrays);
      enter(shelf.m, places, arrays, 'adam.m/');
      enter(shelf.v, places, arrays, 'adam.v/');
      enter(shelf.gradient, places, gradients);
      return { ...shelf, decays: kind === 0 };
    }),
  );
  const statistics = divide(
    device,
    own.filter(({ trained }) => !trained),
  ).map(({ places, bytes }) => {
    const rows = memory.take('statistics', 1, bytes / NUMBER);
    enter(rows, places, arrays);
    return rows;
  });

  const start = options.state?.tensors ?? initialState(options);
  for (const [name, rows] of arrays) {
    const data = start[name]?.data;
    if (data) write(device, rows, data);
  }
  return {
    arrays,
    gradients,
    shelves,
    buffers: [...shelves.flatMap(({ value, m, v }) => [value, m, v]), ...statistics],
  };
}

/** The arrays of a snapshot, from the bytes of `StateLayout.buffers`. */
export function unpackState(
  { arrays, buffers }: StateLayout,
  bytes: readonly ArrayBuffer[],
  options: TrainerOptions,
): Readonly<Record<string, Tensor>> {
  const byBuffer = new Map(buffers.map(({ buffer }, i) => [buffer, bytes[i]]));
  const tensors = stateTensors(options).map(({ name, shape }): [string, Tensor] => {
    const rows = arrays.get(name);
    const from = rows && byBuffer.get(rows.buffer);
    const data = from ? new Float32Array(from, rows.offset, countOf(rows)).slice() : new Float32Array(0);
    return [name, { shape, data }];
  });
  return Object.fromEntries(tensors);
}

interface Place {
  readonly offset: number;
  readonly rows: number;
  readonly cols: number;
}

/** Places for arrays on as few shelves as one binding each can cover. */
function divide(
  device: Device,
  tensors: readonly { readonly name: string; readonly shape: readonly number[] }[],
): readonly { readonly places: ReadonlyMap<string, Place>; readonly bytes: number }[] {
  const shelves: { places: Map<string, Place>; bytes: number }[] = [];
  for (const { name, shape } of tensors) {
    const [rows, cols] = shape.length >= 2 ? [shape[0] ?? 1, shape[1] ?? 1] : [1, shape[0] ?? 1];
    const size = alignedBytes(rows * cols);
    if (size > device.largestBinding) throw tooLarge(`"${name}" [${shape.join(', ')}]`, size, device.largestBinding);
    let shelf = shelves.at(-1);
    if (shelf === undefined || shelf.bytes + size > device.largestBinding) {
      shelf = { places: new Map(), bytes: 0 };
      shelves.push(shelf);
    }
    shelf.places.set(name, { offset: shelf.bytes, rows, cols });
    shelf.bytes += size;
  }
  return shelves;
}

/** Enters the arrays of a shelf by their names. */
function enter(on: Rows, places: ReadonlyMap<string, Place>, into: Map<string, Rows>, prefix = ''): void {
  for (const [name, { offset, rows, cols }] of places) into.set(`${prefix}${name}`, { ...on, offset, rows, cols });
}

/** Where training starts: the networks' weights and the initial temperature, by their names in a `TrainerState`. */
function initialState({ networks, objective }: TrainerOptions): Readonly<Record<string, Pick<Tensor, 'data'>>> {
  const weights = Object.entries(networks).flatMap(([network, { weights }]) =>
    Object.entries(weights).map(([name, tensor]): [string, Pick<Tensor, 'data'>] => [`${network}/${name}`, tensor]),
  );
  return { ...Object.fromEntries(weights), temperature: { data: Float32Array.of(objective.temperature.initial) } };
}
