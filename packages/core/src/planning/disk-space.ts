import type { Stage } from './stages.ts';

/** Bytes on disk, followed through a run. */
export class DiskSpace {
  #kept = 0;
  #scratch = 0;

  /** Most bytes that lie there until the stage is done. */
  write({ disk, scratch = 0, whole = false }: Omit<Stage, 'name' | 'works'>, checkpoints: number): number {
    this.#kept += disk;
    this.#scratch += scratch + checkpoints;
    const most = this.#kept + this.#scratch;
    if (whole) this.#scratch = 0;
    return most;
  }
}
