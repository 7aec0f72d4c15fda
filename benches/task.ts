import type { Backend } from '@freebind/core';

/** A size of a task, by the names that `describe` gives them: plain data, as it goes to other processes. */
export type Size = Readonly<Record<string, number>>;

/** Something that is timed beside a peer. */
interface Timed<S extends Size> {
  readonly name: string;
  /** The published size first, then smaller ones for devices that would take minutes for it. */
  readonly sizes: readonly S[];
  /** The task with its size, in words. */
  describe(size: S): string;
  /** Who does it too: a program of `peers/`. */
  readonly peer?: Peer;
  /** Writes the files that all contenders read; gives their paths, by name. */
  prepare?(size: S, folder: string): Promise<Readonly<Record<string, string>>>;
}

/** The programs of `peers/`. */
export type Peer = 'pytorch' | 'faiss_flat' | 'preprocess' | 'transformers_js';

/** Something that every backend can be asked to do. */
export interface BackendTask<S extends Size = Size> extends Timed<S> {
  /** Floating-point operations of one run. */
  operations(size: S): number;
  /** Makes the inputs on a backend that `choice` started. */
  open(backend: Backend, size: S, at: OpenAt): Promise<Work>;
}

/** Something that freebind does to many items without a backend, with as many workers as `threads`. */
export interface ItemTask<S extends Size = Size> extends Timed<S> {
  /** Items of one run. */
  items(size: S): number;
  open(size: S, at: OpenAt): Promise<Work>;
}

export type Task<S extends Size = Size> = BackendTask<S> | ItemTask<S>;

export function countsItems(task: Task): task is ItemTask {
  return 'items' in task;
}

/** What `open` may want besides the size. */
export interface OpenAt {
  readonly threads: number;
  /** What `prepare` wrote. */
  readonly files: Readonly<Record<string, string>>;
}

/** A task that is ready to run. */
export interface Work {
  /** Runs it once. A number that it gives is a check: contenders that computed the same thing agree on it. A long run tells `progress` its share. */
  run(progress: (share: number) => void): Promise<number | void>;
  close(): Promise<void>;
}
