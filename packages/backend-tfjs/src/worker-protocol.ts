/** Where TensorFlow.js computes. */
export type Runtime = 'node-gpu' | 'node' | 'webgpu' | 'wasm' | 'cpu';

/** Options of the tfjs backend. */
export interface TfjsOptions {
  /** Default `auto`: the first that starts of node-gpu, webgpu on a hardware adapter, node, wasm and cpu. */
  readonly runtime?: 'auto' | Runtime;
  /** The same, as `tfjs:wasm` says it. */
  readonly device?: 'auto' | Runtime;
  /** Threads of the wasm runtime, at most 8; default all. Results are bit-identical for the same number only. */
  readonly threads?: number;
}

/** What a worker is to start. */
export type Chosen = Required<Pick<TfjsOptions, 'runtime' | 'threads'>>;

/** The runtime that started, for the manifest and for people. */
export interface Started {
  readonly runtime: Runtime;
  /** `wasm, SIMD, 2 threads`, or an adapter's name. */
  readonly device: string;
  /** One for each runtime that was passed over, and why. */
  readonly passedOver: readonly string[];
}

/** An array as it crosses between threads. */
export interface Packed {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}
export type PackedByName = Readonly<Record<string, Packed>>;

/** One kernel of TensorFlow.js, applied to slots; then `free` are disposed, because nothing reads them any more. */
export interface Instruction {
  readonly kernel: string;
  /** Slots by the kernel's own names for them; a list for Concat. */
  readonly inputs: Readonly<Record<string, number>> | readonly number[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly slot: number;
  readonly free: readonly number[];
}

/** What the worker runs: instructions over numbered slots. Inputs are found by name in the feeds and in the states of a run. */
export interface Compiled {
  readonly inputs: readonly { readonly name: string; readonly slot: number; readonly unused: boolean }[];
  readonly constants: readonly { readonly slot: number; readonly value: Packed }[];
  readonly instructions: readonly Instruction[];
  readonly outputs: readonly { readonly name: string; readonly slot: number }[];
  /** The most that a run holds at once beside what it is given, as far as shapes are known before it. */
  readonly peakBytes: number;
}

/** One run of a program. An output `next/NAME` replaces NAME in the one of `states` that has it; all others are returned. */
export interface Run {
  readonly program: number;
  readonly feeds: PackedByName;
  readonly states: readonly number[];
  /** A state that is empty after the run: each of its tensors is freed behind its last reader. */
  readonly spent: number | undefined;
}

/** What the main thread asks of the worker. */
export type Request =
  | { readonly kind: 'start'; readonly options: Chosen }
  | { readonly kind: 'open'; readonly program: number; readonly compiled: Compiled }
  | ({ readonly kind: 'run' } & Run)
  /** A run whose output `scores` [n, m] is not returned but ranked: `indices` and `scores` [n, min(k, m)]. */
  | ({ readonly kind: 'rank'; readonly k: number } & Run)
  | { readonly kind: 'keep'; readonly state: number; readonly tensors: PackedByName }
  /** One more tensor of a state. The answer gives its memory back, where the runtime has a copy of its own. */
  | {
      readonly kind: 'put';
      readonly state: number;
      readonly name: string;
      readonly tensor: Packed & { readonly data: Float32Array };
    }
  | { readonly kind: 'copy'; readonly state: number }
  | { readonly kind: 'drop'; readonly program?: number; readonly state?: number }
  | { readonly kind: 'memory' }
  | { readonly kind: 'end' };

export type Call = Request & { readonly id: number };

/** `tf.memory()` of the worker. */
export interface Memory {
  readonly numTensors: number;
  readonly numBytes: number;
}

export interface Answer {
  readonly outputs?: PackedByName;
  readonly started?: Started;
  readonly memory?: Memory;
  readonly spare?: Float32Array;
  /** Row and column of a score that is NaN, which cannot be ranked. */
  readonly unranked?: readonly [row: number, column: number];
}

/** `missing`: nothing is broken, but no runtime that was asked for is on this machine. */
export type Reply =
  | { readonly id: number; readonly answer: Answer }
  | { readonly id: number; readonly error: unknown; readonly missing?: boolean };
