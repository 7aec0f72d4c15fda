import { availableParallelism } from 'node:os';
import {
  type Backend,
  type BackendManifest,
  type BankRunner,
  checkThreads,
  FreebindError,
  type Matrix,
  matrix,
  type Network,
  type ProjectorRunner,
  refuseUnknownOptions,
  type Table,
  type Trainer,
  type TrainerOptions,
} from '@freebind/core';
import { aggregateProgram, combineProgram, scoreProgram } from './bank-programs.ts';
import { TfjsBankRunner } from './bank-runner.ts';
import { Device, type OpenProgram } from './device.ts';
import { Lifetime } from './lifetime.ts';
import { packNumber, packRows, unpackRows } from './packing.ts';
import { TfjsProjectorRunner } from './projector-runner.ts';
import { TfjsTrainer } from './trainer.ts';
import type { Chosen, Compiled, Memory, Runtime, Started, TfjsOptions } from './worker-protocol.ts';

/** Numbers of one part in one run of `combine`: 8 MiB, so that a few parts stay in a cache. */
const COMBINE_NUMBERS = 2 ** 21;

/** freebind's arithmetic on TensorFlow.js: what runs together is one program of its kernels, and all run in one worker thread. */
export class TfjsBackend implements Backend {
  readonly manifest: BackendManifest;
  /** The runtime in use, and why not another: for logs. */
  readonly started: Started;
  readonly #device: Device;
  readonly #lifetime = new Lifetime('backend');
  /** Programs that do not depend on what a runner was opened with. */
  readonly #programs = new Map<string, Promise<OpenProgram>>();

  private constructor(started: Started, device: Device) {
    this.manifest = manifestOf(started);
    this.started = started;
    this.#device = device;
  }

  /** @throws FREEBIND_ARGUMENT_INVALID, and FREEBIND_DEVICE_UNAVAILABLE when the runtime is not on this machine */
  static async start(options: TfjsOptions = {}): Promise<TfjsBackend> {
    const chosen = checkOptions(options);
    const device = new Device();
    try {
      return new TfjsBackend(await device.start(chosen), device);
    } catch (error) {
      await device.close();
      throw error;
    }
  }

  async openProjector(mixture: readonly Network[]): Promise<ProjectorRunner> {
    this.#lifetime.check();
    return TfjsProjectorRunner.open(mixture, this.#device, new Lifetime('projector', this.#lifetime));
  }

  async openBank(bank: { readonly keys: Table; readonly values?: Table }): Promise<BankRunner> {
    this.#lifetime.check();
    const programs = {
      scores: scoreProgram,
      'aggregate keys': () => aggregateProgram(false),
      'aggregate values': () => aggregateProgram(true),
    };
    const open = (name: keyof typeof programs): Promise<OpenProgram> => this.#open(name, programs[name]);
    return new TfjsBankRunner(bank, open, this.#device, new Lifetime('bank', this.#lifetime));
  }

  async openTrainer(options: TrainerOptions): Promise<Trainer> {
    this.#lifetime.check();
    return TfjsTrainer.open(options, this.#device, new Lifetime('trainer', this.#lifetime));
  }

  async combine(parts: readonly { readonly rows: Matrix; readonly factor: number }[]): Promise<Matrix> {
    this.#lifetime.check();
    const shapes = parts.map(({ rows }) => `[${rows.rows}, ${rows.cols}]`);
    const [first] = parts;
    if (first === undefined || new Set(shapes).size > 1) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `Parts of shapes ${shapes.join(', ') || 'none'} were given to combine; give at least one, all of one shape.`,
      );
    }
    const { rows, cols } = first.rows;
    const program = await this.#open(`combine ${parts.length}`, () => combineProgram(parts.length));
    const out = matrix(rows, cols);
    const tile = Math.max(1, Math.floor(COMBINE_NUMBERS / cols));
    for (let start = 0; start < rows; start += tile) {
      this.#lifetime.check();
      const count = Math.min(tile, rows - start);
      const feeds = parts.flatMap((part, i) => [
        [`part/${i}`, packRows(part.rows, start, count)],
        [`factor/${i}`, packNumber(part.factor)],
      ]);
      const { combined } = await program.run(Object.fromEntries(feeds));
      out.data.set(unpackRows(combined).data, start * cols);
    }
    return out;
  }

  /** What the engine of TensorFlow.js holds: for tests of leaks. */
  memory(): Promise<Memory> {
    return this.#device.memory();
  }

  async close(): Promise<void> {
    this.#lifetime.close();
    await this.#device.close();
  }

  #open(name: string, program: () => Compiled): Promise<OpenProgram> {
    const known = this.#programs.get(name) ?? this.#device.open(program());
    this.#programs.set(name, known);
    return known;
  }
}

const RUNTIMES: readonly string[] = ['auto', 'node-gpu', 'node', 'webgpu', 'wasm', 'cpu'] satisfies (
  | 'auto'
  | Runtime
)[];

function checkOptions(options: TfjsOptions): Chosen {
  refuseUnknownOptions('tfjs', options, ['runtime', 'device', 'threads']);
  const { device = 'auto', runtime = device, threads = availableParallelism() } = options;
  checkThreads(threads, availableParallelism());
  if (RUNTIMES.includes(runtime)) return { runtime, threads };
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `The tfjs backend was asked for runtime "${runtime}"; the runtime must be one of ${RUNTIMES.join(', ')}.`,
  );
}

function manifestOf({ runtime, device, passedOver }: Started): BackendManifest {
  const common = {
    id: 'tfjs',
    precision: 'float32',
    device,
    ...(passedOver.length > 0 && { passedOver }),
    training: true,
    streamedBank: true,
  } as const;
  // Rounding errors of a sum of k products walk at random, √k · 2⁻²⁴: 2⁻¹⁸ for the 4096 of the widest layers, and as much
  // again for the layers behind. The error function of the cpu runtime is off by 1.5e-7 (Abramowitz and Stegun 7.1.26), which is
  // within that. GPUs sum in an order of their own, and their exponentials are a few places coarser.
  return runtime === 'wasm' || runtime === 'cpu'
    ? { ...common, bitwiseRepeatable: true, tolerance: 2 ** -17 }
    : { ...common, tolerance: 2 ** -14 };
}
