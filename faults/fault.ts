import type { Job } from './jobs.ts';
import type { Outcome, Trial } from './trial.ts';

/** One way in which a machine misbehaves. */
export interface Fault {
  readonly name: string;
  /** What is done and what is expected, for the report. */
  readonly what: string;
  /** The backend that it is about; else any is as good. */
  readonly backend?: string;
  /** Whether it can befall a job. */
  readonly befalls: (job: Job) => boolean;
  readonly run: (trial: Trial) => Promise<Outcome>;
}
