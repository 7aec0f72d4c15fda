import { host } from '#host';
import type {
  Backend,
  BackendManifest,
  BankRunner,
  Matrix,
  Network,
  ProjectorRunner,
  Table,
  Trainer,
  TrainerOptions,
} from '@freebind/core';
import { WebgpuBankRunner } from './bank-runner.ts';
import { combine, type Part } from './combine.ts';
import { type Allocated, Device } from './device.ts';
import type { Engine } from './engine.ts';
import type { Host } from './host.ts';
import { LARGE, type TileChoice } from './kernels/matmul-tiles.ts';
import { faultOf, matrixTiles } from './matrix-tiles.ts';
import { chooseTiles, type Choosing } from './tile-tuner.ts';
import { Lifetime } from './lifetime.ts';
import { checkOptions, type WebgpuOptions } from './options.ts';
import { WebgpuProjectorRunner } from './projector-runner.ts';
import { WebgpuTrainer } from './trainer.ts';

/**
 * Rounding a factor to float16 costs up to 2⁻¹¹ of it, so a product of two up to 2⁻¹⁰, and a sum of many with signs of their own walks
 * at random: it is off by about 2⁻¹¹ of the root of its squared terms, 2⁻¹⁰ after two layers, and five times that for the worst of a
 * batch's entries.
 */
const MIXED_TOLERANCE = 2 ** -7;

/** How networks and losses multiply, what of it people should see, and what was passed over. */
interface Networks {
  readonly tiles: TileChoice;
  readonly notes: readonly string[];
  readonly passedOver: readonly string[];
}

/** freebind's arithmetic on a WebGPU device: one kernel a file, recorded into plans, which runners submit. */
export class WebgpuBackend implements Backend {
  readonly manifest: BackendManifest;
  readonly #engine: Engine;
  readonly #lifetime = new Lifetime('backend');

  private constructor(engine: Engine, { notes, passedOver }: Networks) {
    this.#engine = engine;
    this.manifest = {
      id: 'webgpu',
      precision: 'float32',
      device: [engine.device.name, ...notes].join(', '),
      ...(passedOver.length > 0 && { passedOver }),
      training: true,
      streamedBank: true,
      // Every sum has a fixed order, in every kernel and with every tile, and nothing is added atomically.
      bitwiseRepeatable: true,
      // In float32, rounding errors of a sum of k products walk at random, √k · 2⁻²⁴: 2⁻¹⁸ for the 4096 of the widest layers, as much again for
      // the layers behind. At FreeBind's temperature, 0.01, a score that is off by 2⁻²⁴ makes a weight off by 100 · 2⁻²⁴, 2⁻¹⁷; and
      // WGSL allows an exponential (3 + 2|x|) units in the last place, which e^x falls faster than: 3 · 2⁻²³. Together below 2⁻¹⁵.
      tolerance: engine.mixed ? MIXED_TOLERANCE : 2 ** -15,
    };
  }

  /**
   * `large`: multiplications from which a product is measured, or its factors are rounded.
   * @throws FREEBIND_ARGUMENT_INVALID, FREEBIND_DEVICE_UNAVAILABLE when no adapter is found, and FREEBIND_CAPABILITY_MISSING when it
   * has no float16 for mixed precision
   */
  static async start(options: WebgpuOptions = {}, on: Host = host, large = LARGE): Promise<WebgpuBackend> {
    const { power, residentMiB, precision, ...asked } = checkOptions(options);
    const mixed = precision === 'mixed';
    const device = await Device.open(on, power, mixed);
    const tune = asked.tune ?? !device.software;
    const tiles = chooseTiles(device, on, { mixed: false, tune, large });
    const networks = mixed
      ? await mixedNetworks(device, on, { mixed, tune, large })
      : { tiles, notes: [], passedOver: [] };
    const residentBytes = residentMiB * 2 ** 20;
    return new WebgpuBackend({ device, tiles, networkTiles: networks.tiles, mixed, residentBytes }, networks);
  }

  /** What is allocated on the device at the moment. */
  get allocated(): Allocated {
    return this.#engine.device.allocated;
  }

  async openProjector(mixture: readonly Network[]): Promise<ProjectorRunner> {
    const lifetime = new Lifetime('projector', this.#lifetime);
    return this.#lifetime.run(() => WebgpuProjectorRunner.open(mixture, this.#engine, lifetime));
  }

  async openBank(bank: { readonly keys: Table; readonly values?: Table }): Promise<BankRunner> {
    const lifetime = new Lifetime('bank', this.#lifetime);
    return this.#lifetime.run(() => WebgpuBankRunner.open(bank, this.#engine, lifetime));
  }

  async openTrainer(options: TrainerOptions): Promise<Trainer> {
    const lifetime = new Lifetime('trainer', this.#lifetime);
    return this.#lifetime.run(() => WebgpuTrainer.open(options, this.#engine, lifetime));
  }

  async combine(parts: readonly Part[]): Promise<Matrix> {
    return this.#lifetime.run(() => combine(this.#engine, parts, () => this.#lifetime.check()));
  }

  async close(): Promise<void> {
    this.#lifetime.close();
    this.#engine.device.close();
  }
}

async function mixedNetworks(device: Device, host: Host, choosing: Choosing): Promise<Networks> {
  const tiles = chooseTiles(device, host, choosing);
  const notes = ['float16 factors'];
  const { matrix } = device;
  if (matrix === undefined) return { tiles, notes, passedOver: [] };
  const name = `subgroup matrices of ${matrix.m} × ${matrix.n} × ${matrix.k}`;
  const fault = await faultOf(device, { name, matrix });
  return fault === undefined
    ? { tiles: matrixTiles({ name, matrix }, choosing.large, tiles), notes: [...notes, name], passedOver: [] }
    : { tiles, notes, passedOver: [fault] };
}
