import type { Device } from './device.ts';
import type { TileChoice } from './kernels/matmul-tiles.ts';

/** What every runner works with. */
export interface Engine {
  readonly device: Device;
  /** Of banks: float32 throughout. */
  readonly tiles: TileChoice;
  /** Of networks and losses; with mixed precision, tiles of float16 factors. */
  readonly networkTiles: TileChoice;
  /** With mixed precision: gradients are scaled on their way, so that float16 holds them. */
  readonly mixed: boolean;
  /** Of tables and banks, for each trainer and bank. */
  readonly residentBytes: number;
}
