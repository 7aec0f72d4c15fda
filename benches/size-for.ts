import type { MeasuredBackend } from './contenders.ts';
import { countsItems, type Size, type Task } from './task.ts';

/** The matrix product that runs in between takes this share of a task's time at most. */
const MATRIX_SHARE = 1 / 8;

/**
 * The largest size of a task of which a backend gets a run done in `seconds`, by its measured rate; the smallest when it is too
 * slow for all, and for 0 seconds. Without a backend, the largest.
 */
export function sizeFor(task: Task, backend: MeasuredBackend | null, seconds: number): Size {
  const found = fitting(task, backend, seconds) ?? task.sizes.at(-1);
  if (found === undefined) throw new Error(`Task ${task.name} has no sizes.`);
  return found;
}

function fitting(task: Task, backend: MeasuredBackend | null, seconds: number): Size | undefined {
  if (seconds === 0) return undefined;
  if (backend === null || countsItems(task)) return task.sizes[0];
  const rate = backend.rates.step ?? backend.rates.matrix;
  const most = task.name === 'matrix' ? seconds * MATRIX_SHARE : seconds;
  return task.sizes.find((size) => task.operations(size) / 1e9 / rate <= most);
}
