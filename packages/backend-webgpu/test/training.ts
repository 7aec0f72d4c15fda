import {
  initialise,
  isFreebindError,
  normalMatrix,
  projector,
  random,
  tableOf,
  type TrainerOptions,
} from '@freebind/core';

export const rows = (n: number, cols: number, seed: string) => normalMatrix(n, cols, random(seed));

/** A projector, or other layers of its widths, and 20 rows to train it on, small enough for a device in software. */
export const training = (layers = projector({ input: 6, hidden: 8, output: 4 })): TrainerOptions => ({
  networks: { p: initialise(layers, random('lifecycle'), 'xavier') },
  tables: { x: tableOf(rows(20, 6, 'x')), y: tableOf(rows(20, 4, 'y')) },
  objective: {
    pairs: [{ left: { table: 'x', network: 'p' }, right: { table: 'y' } }],
    temperature: { initial: 0.1 },
  },
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
  batch: 10,
});

/** What was opened, or why there is no device here; with FREEBIND_REQUIRE_DEVICE=1 that is a failure. */
export async function orReason<T>(opening: Promise<T>): Promise<T | string> {
  try {
    return await opening;
  } catch (error) {
    if (process.env['FREEBIND_REQUIRE_DEVICE'] === '1' || !isFreebindError(error, 'FREEBIND_DEVICE_UNAVAILABLE'))
      throw error;
    return error.message;
  }
}
