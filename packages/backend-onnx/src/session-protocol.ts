import type { Numbers } from './graph.ts';

/** Options of the onnx backend. */
export interface OnnxOptions {
  /** Where graphs run; default `cpu`. Nodes that a GPU's provider lacks run on the CPU. */
  readonly device?: 'cpu' | 'webgpu' | 'cuda';
  /** Threads of the CPU; default all. Results are bit-identical for the same number only. */
  readonly threads?: number;
}

/** `OnnxOptions` with the defaults filled in. */
export type Placement = Required<OnnxOptions>;

/** What a graph takes or gives, as it crosses between threads. */
export interface Packed {
  /** Half floats are the bits in a Uint16Array. */
  readonly type: 'float32' | 'float16' | 'int32' | 'int64';
  readonly dims: readonly number[];
  readonly data: Numbers | Uint16Array;
}
export type PackedByName = Readonly<Record<string, Packed>>;

/** Rows `start` to `end` (exclusive) of a tensor of a state. */
export interface Window {
  readonly state: number;
  readonly tensor: string;
  readonly start: number;
  readonly end: number;
}
/** By the graph inputs that read windows and the outputs that are written into them; an output may lie where an input did. */
export type Windows = Readonly<Record<string, Window>>;

/**
 * What the main thread asks of the worker. A `state` is a set of tensors that stays with the worker: a run that names
 * one feeds it to the graph inputs of the same names and replaces it by the outputs `next/NAME`. A session that is not to
 * keep its memory gives it back after each run, and pays for that with page faults.
 */
export type Request =
  | {
      readonly kind: 'open';
      readonly session: number;
      readonly model: Uint8Array;
      readonly placement: Placement;
      readonly keepsMemory: boolean;
    }
  | {
      readonly kind: 'run';
      readonly session: number;
      readonly feeds: PackedByName;
      readonly state?: number;
      readonly windows: Windows;
    }
  | { readonly kind: 'keep'; readonly state: number; readonly tensors: PackedByName }
  | { readonly kind: 'copy'; readonly state: number }
  | { readonly kind: 'drop'; readonly session?: number; readonly state?: number }
  | { readonly kind: 'end' };

export type Call = Request & { readonly id: number };

/** `feeds` gives the buffers of a run back, so that the next one need not allocate. */
export type Reply =
  | { readonly id: number; readonly outputs: PackedByName; readonly feeds?: PackedByName }
  | { readonly id: number; readonly error: unknown };
