import type { BackendManifest } from './backend.ts';

/**
 * What decides a backend's numbers but for their last bits: a finished piece stands in for one of the same arithmetic. The tolerance
 * tells mixed precision, whose results are float32 too, from float32, and processors from GPUs. The device is not part of
 * it: another number of threads would make everything again for last bits.
 */
export type Arithmetic = Pick<BackendManifest, 'id' | 'precision' | 'tolerance'>;

export function arithmeticOf({ id, precision, tolerance }: BackendManifest): Arithmetic {
  return { id, precision, tolerance };
}
