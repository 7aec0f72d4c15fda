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
import { ruledTiles, tuneTiles } from './tile-tuner.ts';
import { Lifetime } from './lifetime.ts';
import { checkOptions, type WebgpuOptions } from './options.ts';
import { WebgpuProjectorRunner } from './projector-runner.ts';
import { WebgpuTrainer } from './trainer.ts';

/** freebind's arithmetic on a WebGPU device: one kernel a file, recorded into plans, which runners submit. */
export class WebgpuBackend implements Backend {
  readonly manifest: BackendManifest;
  readonly #engine: Engine;
  readonly #lifetime = new Lifetime('backend');

  private constructor(engine: Engine) {
    this.#engine = engine;
    this.manifest = {
      id: 'webgpu',
      precision: 'float32',
      device: engine.device.name,
      training: true,
      streamedBank: true,
      // Every sum has a fixed order, in every kernel and with every tile, and nothing is added atomically.
      bitwiseRepeatable: true,
      // Rounding errors of a sum of k products walk at random, √k · 2⁻²⁴: 2⁻¹⁸ for the 4096 of the widest layers, as much again for
      // the layers behind. At FreeBind's temperature, 0.01, a score that is off by 2⁻²⁴ makes a weight off by 100 · 2⁻²⁴, 2⁻¹⁷; and
      // WGSL allows an exponential (3 + 2|x|) units in the last place, which e^x falls faster than: 3 · 2⁻²³. Together below 2⁻¹⁵.
      tolerance: 2 ** -15,
    };
  }

  /** @throws FREEBIND_ARGUMENT_INVALID, and FREEBIND_DEVICE_UNAVAILABLE when no adapter is found */
  static async start(options: WebgpuOptions = {}, on: Host = host): Promise<WebgpuBackend> {
    const { power, residentMiB, tune } = checkOptions(options);
    const device = await Device.open(on, power);
    const tiles = (tune ?? !device.software) ? tuneTiles(device, on) : ruledTiles(device.software);
    return new WebgpuBackend({ device, tiles, residentBytes: residentMiB * 2 ** 20 });
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
