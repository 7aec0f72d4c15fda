import type { Device } from './device.ts';
import type { TileChoice } from './kernels/matmul-tiles.ts';

/** What every runner works with. */
export interface Engine {
  readonly device: Device;
  readonly tiles: TileChoice;
  /** Of tables and banks, for each trainer and bank. */
  readonly residentBytes: number;
}
