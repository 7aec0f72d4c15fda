import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Random } from '@freebind/core';
import type { Job } from './jobs.ts';
import { commandLine, type Ended, freebind, type RunOptions } from './process.ts';
import { differences, equalTrees, kibOf, type Tree, treeOf } from './trees.ts';

/** A job with what an undisturbed run of it leaves. */
export interface Measured {
  readonly job: Job;
  readonly backend: string;
  /** Inputs, and nothing else. */
  readonly inputs: string;
  /** The same with the result of another run in the place of the job's own. */
  readonly occupied: string;
  /** All files after an undisturbed run from either. */
  readonly fresh: Undisturbed;
  readonly replacing: Undisturbed;
}

export interface Undisturbed {
  readonly tree: Tree;
  /** Room that all of it takes. */
  readonly kib: number;
  readonly ms: number;
  readonly firstWriteMs: number;
}

/** How a trial ended. Anything else than the first two is a failure, told by `broken`. */
export interface Outcome {
  /** `identical`, or the code of the error that stopped the run before it was put right and ended identical. */
  readonly end: string;
  readonly broken?: string;
}

/** Runs the job undisturbed, alone and over another's result. */
export async function measure(job: Job, backend: string, root: string): Promise<Measured> {
  const inputs = join(root, `${job.name}-${backend}-inputs`);
  await job.prepare(inputs);
  const occupied = join(root, `${job.name}-${backend}-occupied`);
  cpSync(inputs, occupied, { recursive: true });
  expectDone(await freebind(occupied, [...job.args, ...job.other], { backend }));
  const undisturbed = async (from: string, args: readonly string[]): Promise<Undisturbed> => {
    const dir = mkdtempSync(join(root, 'undisturbed-'));
    cpSync(from, dir, { recursive: true });
    const { ms, firstWriteMs } = expectDone(await freebind(dir, args, { backend }));
    const [tree, kib] = [treeOf(dir), kibOf(dir)];
    rmSync(dir, { recursive: true });
    return { tree, kib, ms, firstWriteMs };
  };
  const fresh = await undisturbed(inputs, job.args);
  const replacing = await undisturbed(occupied, [...job.args, '--force']);
  return { job, backend, inputs, occupied, fresh, replacing };
}

function expectDone(ended: Ended): Ended {
  if (ended.status !== 0) throw new Error(`An undisturbed run failed: ${ended.stderr}`);
  return ended;
}

/** One trial: a folder of its own, and what must hold in it. */
export class Trial {
  readonly dir: string;
  readonly measured: Measured;
  readonly at: Random;
  /** Whether another result stands where the job's own goes. */
  readonly replaces: boolean;
  readonly #before: ReadonlyMap<string, Tree>;

  constructor(measured: Measured, at: Random) {
    this.measured = measured;
    this.at = at;
    this.replaces = at.below(2) === 1;
    this.dir = mkdtempSync(join(tmpdir(), 'freebind-fault-'));
    cpSync(this.replaces ? measured.occupied : measured.inputs, this.dir, { recursive: true });
    this.#before = this.#results();
  }

  get undisturbed(): Undisturbed {
    return this.replaces ? this.measured.replacing : this.measured.fresh;
  }

  /** A moment of the run's work, in ms after its start. */
  moment(): number {
    const { ms, firstWriteMs } = this.undisturbed;
    return firstWriteMs + this.at.uniform() * (ms - firstWriteMs);
  }

  /** Runs the job; `again` when an earlier run of it was stopped. */
  run({ again = false, ...options }: RunOptions & { readonly again?: boolean } = {}): Promise<Ended> {
    return freebind(this.dir, this.#args(again), { backend: this.measured.backend, ...options });
  }

  /** The same as a line for a shell in the trial's folder. */
  commandLine({ again }: { readonly again: boolean }): string {
    return commandLine(this.#args(again));
  }

  #args(again: boolean): readonly string[] {
    const { job } = this.measured;
    return [...job.args, ...(this.replaces ? ['--force'] : []), ...(again ? job.resume : [])];
  }

  /** Why the results are neither those of before nor those of an undisturbed run, or undefined. */
  async damage(): Promise<string | undefined> {
    for (const [path, read] of Object.entries(this.measured.job.results)) {
      // Missing ones are judged below.
      await read(join(this.dir, path)).catch(() => undefined);
    }
    for (const [path, tree] of this.#results()) {
      const before = this.#before.get(path) ?? new Map();
      if (!equalTrees(tree, before) && !equalTrees(tree, this.#expected(path)))
        return `${path} is neither what was there before nor the result: ${differences(tree, before).join('; ')}`;
    }
    return undefined;
  }

  /** Runs the job to its end and compares every file. */
  async finish(end: string): Promise<Outcome> {
    const last = await this.run({ again: true });
    // The run before may have been stopped between its last write and its end.
    const was = this.compare(end);
    if (last.code === 'FREEBIND_OUTPUT_EXISTS' && was.broken === undefined) return was;
    if (last.status !== 0) return { end, broken: `the run after it ended with ${last.status}: ${last.stderr}` };
    return was;
  }

  /** Compares every file with those of an undisturbed run. */
  compare(end: string): Outcome {
    const found = differences(treeOf(this.dir), this.undisturbed.tree);
    return found.length === 0 ? { end } : { end, broken: found.join('; ') };
  }

  /** Judges how a disturbed run ended: done, or stopped by an error that freebind names, with the previous state intact. */
  async judge(ended: Ended): Promise<Outcome | undefined> {
    const damage = await this.damage();
    if (damage !== undefined) return { end: ended.code ?? 'identical', broken: damage };
    if (ended.status === 0) return undefined;
    if (ended.code === undefined || ended.code === 'FREEBIND_INTERNAL')
      return { end: 'crash', broken: `status ${ended.status} without a named error: ${ended.stderr}` };
    return undefined;
  }

  close(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  #results(): ReadonlyMap<string, Tree> {
    return new Map(Object.keys(this.measured.job.results).map((path) => [path, treeOf(join(this.dir, path))]));
  }

  #expected(path: string): Tree {
    const { tree } = this.undisturbed;
    const within = [...tree].filter(([name]) => name === path || name.startsWith(`${path}/`));
    return new Map(within.map(([name, hash]) => [name.slice(path.length + 1), hash]));
  }
}
