import { availableParallelism } from 'node:os';
import {
  type Backend,
  type BackendManifest,
  type BankRunner,
  checkThreads,
  FreebindError,
  isFreebindError,
  type Matrix,
  matrix,
  type Network,
  type ProjectorRunner,
  refuseUnknownOptions,
  type Table,
  type Trainer,
  type TrainerOptions,
} from '@freebind/core';
import { aggregateGraph, combineGraph, rankingGraph, scoreGraph } from './bank-graphs.ts';
import { OnnxBankRunner } from './bank-runner.ts';
import { Lifetime } from './lifetime.ts';
import { packNumber, packRows, unpackRows } from './packing.ts';
import { OnnxProjectorRunner } from './projector-runner.ts';
import type { OnnxOptions, Placement } from './session-protocol.ts';
import { type Session, Sessions } from './sessions.ts';
import { OnnxTrainer, type Streaming } from './trainer.ts';

/** Numbers of one part in one run of `combine`: 8 MiB, so that a few parts stay in a cache. */
const COMBINE_NUMBERS = 2 ** 21;

/** freebind's arithmetic on onnxruntime: what runs together is one graph, and all graphs run in one worker thread. */
export class OnnxBackend implements Backend {
  readonly manifest: BackendManifest;
  readonly #device: Placement['device'];
  readonly #sessions: Sessions;
  readonly #lifetime = new Lifetime('backend');
  readonly #streaming: Streaming;
  /** Graphs that do not depend on what a runner was opened with. */
  readonly #graphs = new Map<string, Promise<Session>>();

  private constructor(placement: Placement, sessions: Sessions, streaming: Streaming) {
    this.manifest = manifestOf(placement);
    this.#device = placement.device;
    this.#sessions = sessions;
    this.#streaming = streaming;
  }

  /**
   * `streaming` is for tests: batches that are worth streaming are large.
   * @throws FREEBIND_ARGUMENT_INVALID, and FREEBIND_DEVICE_UNAVAILABLE when onnxruntime or its provider cannot start here
   */
  static async start(options: OnnxOptions = {}, streaming: Streaming = {}): Promise<OnnxBackend> {
    const chosen = checkOptions(options);
    const sessions = new Sessions(chosen);
    try {
      // Any graph will do: a provider that is missing says so when the first session is opened.
      await (await sessions.open(combineGraph(1))).close();
    } catch (cause) {
      await sessions.close();
      throw unavailable(chosen.device, cause);
    }
    return new OnnxBackend(chosen, sessions, streaming);
  }

  async openProjector(mixture: readonly Network[]): Promise<ProjectorRunner> {
    this.#lifetime.check();
    return OnnxProjectorRunner.open(mixture, this.#sessions, new Lifetime('projector', this.#lifetime));
  }

  async openBank(bank: { readonly keys: Table; readonly values?: Table }): Promise<BankRunner> {
    this.#lifetime.check();
    const graphs = {
      scores: () => scoreGraph(),
      ranking: () => rankingGraph(false),
      'ranking of halves': () => rankingGraph(true),
      'aggregate keys': () => aggregateGraph(false),
      'aggregate values': () => aggregateGraph(true),
    };
    return new OnnxBankRunner(
      // A GPU may lack half floats.
      { ...bank, halves: this.#device === 'cpu' },
      (name) => this.#open(name, graphs[name]),
      (tensors) => this.#sessions.keep(tensors),
      new Lifetime('bank', this.#lifetime),
    );
  }

  async openTrainer(options: TrainerOptions): Promise<Trainer> {
    this.#lifetime.check();
    return OnnxTrainer.open(options, this.#sessions, new Lifetime('trainer', this.#lifetime), {
      open: (name, graph) => this.#open(name, graph),
      ...this.#streaming,
    });
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
    const session = await this.#open(`combine ${parts.length}`, () => combineGraph(parts.length));
    const out = matrix(rows, cols);
    const tile = Math.max(1, Math.floor(COMBINE_NUMBERS / cols));
    for (let start = 0; start < rows; start += tile) {
      this.#lifetime.check();
      const count = Math.min(tile, rows - start);
      const feeds = parts.flatMap((part, i) => [
        [`part/${i}`, packRows(part.rows, start, count)],
        [`factor/${i}`, packNumber(part.factor)],
      ]);
      const { combined } = (await session.run(Object.fromEntries(feeds))).outputs;
      if (combined) out.data.set(unpackRows(combined).data, start * cols);
    }
    return out;
  }

  async close(): Promise<void> {
    this.#lifetime.close();
    await this.#sessions.close();
  }

  #open(name: string, graph: () => Uint8Array): Promise<Session> {
    const known = this.#graphs.get(name) ?? this.#sessions.open(graph());
    this.#graphs.set(name, known);
    return known;
  }
}

const DEVICES: readonly string[] = ['cpu', 'webgpu', 'cuda'] satisfies Placement['device'][];

function checkOptions(options: OnnxOptions): Placement {
  refuseUnknownOptions('onnx', options, ['device', 'threads']);
  const { device = 'cpu', threads = availableParallelism() } = options;
  checkThreads(threads, availableParallelism());
  if (DEVICES.includes(device)) return { device, threads };
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `The onnx backend was asked for device "${device}"; the device must be "cpu", "webgpu" or "cuda".`,
  );
}

function manifestOf({ device, threads }: Placement): BackendManifest {
  const name = `${device}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  const common = { id: 'onnx', precision: 'float32', device: name, training: true, streamedBank: true } as const;
  // Rounding errors of a sum of k products walk at random, √k · 2⁻²⁴: 2⁻¹⁸ for the 4096 of the widest layers, and as much
  // again for the layers behind. A GPU sums in an order of its own, and its exponentials are a few places coarser.
  return device === 'cpu'
    ? { ...common, bitwiseRepeatable: true, tolerance: 2 ** -17 }
    : { ...common, tolerance: 2 ** -14 };
}

function unavailable(device: Placement['device'], cause: unknown): FreebindError {
  const mending = {
    cpu: 'run `npm i onnxruntime-node@1.30.0` on 64-bit Linux, Windows or (Apple silicon) macOS',
    webgpu: "install a Vulkan driver (on Linux also libvulkan1), or choose `device: 'cpu'`",
    cuda: "install CUDA 12 and cuDNN 9, then run `npm i onnxruntime-node@1.30.0 --onnxruntime-node-install=cuda12`, or choose `device: 'cpu'`",
  };
  const root = isFreebindError(cause) ? (cause.cause ?? cause) : cause;
  const found = (root instanceof Error ? root.message : String(root)).replaceAll(/\s+/g, ' ').trim();
  return new FreebindError(
    'FREEBIND_DEVICE_UNAVAILABLE',
    `onnxruntime cannot use device "${device}" on this machine (${found}); to mend it, ${mending[device]}.`,
    { cause },
  );
}
