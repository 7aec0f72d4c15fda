import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Random } from '@freebind/core';
import type { Job } from './jobs.ts';
import { commandLine, type Ended, freebind, type RunOptions } from './process.ts';
import { differences, equalTrees, kibOf, type Tree, treeOf } from './trees.ts';

/** A job, where its trials start from, and what an undisturbed run leaves. */
export interface Measured {
  readonly job: Job;
  readonly backend: string;
  /** Whether the result of another run stands where the job's own goes. */
  readonly replaces: boolean;
  /** Inputs, and nothing else. */
  readonly inputs: string;
  /** What a trial starts from: the inputs, and the other result if there is one. */
  readonly start: string;
  /** All files after an undisturbed run. */
  readonly tree: Tree;
  /** Room that they take. */
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

/** Runs the job undisturbed, in a folder of its own under `root`. */
export async function measure(
  job: Job,
  { backend, replaces, root }: { readonly backend: string; readonly replaces: boolean; readonly root: string },
): Promise<Measured> {
  const [inputs, start, dir] = ['inputs', 'start', 'undisturbed'].map((name) =>
    join(mkdtempSync(join(root, 'm-')), name),
  );
  if (inputs === undefined || start === undefined || dir === undefined)
    throw new Error('Three names give three paths.');
  await job.prepare(inputs);
  cpSync(inputs, start, { recursive: true });
  if (replaces) expectDone(await freebind(start, [...job.args, ...job.other], { backend }));
  cpSync(start, dir, { recursive: true });
  const { ms, firstWriteMs } = expectDone(await freebind(dir, argumentsOf(job, { replaces }), { backend }));
  const [tree, kib] = [treeOf(dir), kibOf(dir)];
  rmSync(dir, { recursive: true });
  return { job, backend, replaces, inputs, start, tree, kib, ms, firstWriteMs };
}

/** The command line of a job that may have been stopped before. */
export function argumentsOf(
  { args, resume }: Job,
  { replaces, again = false }: { readonly replaces: boolean; readonly again?: boolean },
): readonly string[] {
  return [...args, ...(replaces ? ['--force'] : []), ...(again ? resume : [])];
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
  readonly #before: ReadonlyMap<string, Tree>;

  constructor(measured: Measured, at: Random) {
    this.measured = measured;
    this.at = at;
    this.dir = mkdtempSync(join(tmpdir(), 'freebind-fault-'));
    cpSync(measured.start, this.dir, { recursive: true });
    this.#before = this.#results();
  }

  /** A moment of the run's work, in ms after its start. */
  moment(): number {
    const { ms, firstWriteMs } = this.measured;
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
    const { job, replaces } = this.measured;
    return argumentsOf(job, { replaces, again });
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
    const found = differences(treeOf(this.dir), this.measured.tree);
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
    const { tree } = this.measured;
    const within = [...tree].filter(([name]) => name === path || name.startsWith(`${path}/`));
    return new Map(within.map(([name, hash]) => [name.slice(path.length + 1), hash]));
  }
}
