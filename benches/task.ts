import type { Backend } from '@freebind/core';

/** A size of a task, by the names that `describe` gives them: plain data, as it goes to other processes. */
export type Size = Readonly<Record<string, number>>;

/** Something that every backend can be asked to do. */
export interface Task<S extends Size = Size> {
  readonly name: string;
  /** The published size first, then smaller ones for devices that would take minutes for it. */
  readonly sizes: readonly S[];
  /** Floating-point operations of one run. */
  operations(size: S): number;
  /** The task with its size, in words. */
  describe(size: S): string;
  /** Who does it too: a script of `peers/`. */
  readonly peer?: 'pytorch' | 'faiss_flat';
  /** Writes the files that all contenders read; gives their paths, by name. */
  prepare?(size: S, folder: string): Promise<Readonly<Record<string, string>>>;
  /** Makes the inputs on a backend that `choice` started. */
  open(backend: Backend, size: S, at: OpenAt): Promise<Work>;
}

/** What `open` may want besides the backend. */
export interface OpenAt {
  readonly threads: number;
  /** What `prepare` wrote. */
  readonly files: Readonly<Record<string, string>>;
}

/** A task that is ready to run. */
export interface Work {
  /** Runs it once. A number that it gives is a check: contenders that computed the same thing agree on it. */
  run(): Promise<number | void>;
  close(): Promise<void>;
}
