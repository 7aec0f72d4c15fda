import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { random } from '@freebind/core';
import type { Fault } from './fault.ts';
import { fullDisk } from './full-disk.ts';
import type { Job } from './jobs.ts';
import { kill } from './kill.ts';
import { lostDevice } from './lost-device.ts';
import { type Measured, measure, type Outcome, Trial } from './trial.ts';
import { truncation } from './truncation.ts';
import { turnedBits } from './turned-bits.ts';
import { twoWriters } from './two-writers.ts';

export const FAULTS: readonly Fault[] = [kill, fullDisk, truncation, turnedBits, twoWriters, lostDevice];

/** What trials of one fault on one job gave. */
export interface Tally {
  readonly fault: string;
  readonly job: string;
  readonly backend: string;
  readonly seed: number;
  readonly trials: number;
  /** How many trials ended in which way. */
  readonly ends: Readonly<Record<string, number>>;
  /** Trials that did not hold what was promised, in words, by the number that makes them again. */
  readonly broken: readonly { readonly trial: number; readonly how: string }[];
}

/** A tally that was kept, and when and where it was made. */
export interface RecordedTally extends Tally {
  /** Year, month and day. */
  readonly date: string;
  readonly machine: string;
}

/** Measures jobs as they are needed, and clears all of it away. */
export class Campaign implements Disposable {
  readonly #root = mkdtempSync(join(tmpdir(), 'freebind-faults-'));
  readonly #measured = new Map<string, Promise<Measured>>();

  /** Runs trials `from` to `to` of a fault on a job; each follows from the seed and its number alone, but for the machine's own timing. */
  async run(
    fault: Fault,
    job: Job,
    options: {
      readonly backend: string;
      readonly seed: number;
      readonly from?: number;
      readonly to: number;
      readonly onTrial?: (trial: number, outcome: Outcome) => void;
    },
  ): Promise<Tally> {
    const { seed, from = 0, to, onTrial } = options;
    const backend = fault.backend ?? options.backend;
    const ends: Record<string, number> = {};
    const broken: { trial: number; how: string }[] = [];
    for (let number = from; number < to; number++) {
      const at = random(seed, fault.name, job.name, number);
      const trial = new Trial(await this.#measure(job, backend, at.below(2) === 1), at);
      try {
        const outcome = await fault.run(trial);
        ends[outcome.end] = (ends[outcome.end] ?? 0) + 1;
        if (outcome.broken !== undefined) broken.push({ trial: number, how: outcome.broken });
        onTrial?.(number, outcome);
      } finally {
        trial.close();
      }
    }
    return { fault: fault.name, job: job.name, backend, seed, trials: to - from, ends, broken };
  }

  [Symbol.dispose](): void {
    rmSync(this.#root, { recursive: true, force: true });
  }

  #measure(job: Job, backend: string, replaces: boolean): Promise<Measured> {
    const key = `${job.name} ${backend} ${replaces}`;
    const found = this.#measured.get(key) ?? measure(job, { backend, replaces, root: this.#root });
    this.#measured.set(key, found);
    return found;
  }
}
