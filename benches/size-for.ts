import type { MeasuredBackend } from './contenders.ts';
import { countsItems, type Size, type Task } from './task.ts';

/** A run that would take longer is not waited for; a smaller size tells as much. */
const LONGEST_RUN_S = 45;
/** The same for the matrix product that runs in between. */
const LONGEST_MATRIX_S = 5;

/**
 * The largest size of a task that a backend gets done in time, by its measured rate; the smallest when it is too slow for all.
 * Without a backend, the largest.
 */
export function sizeFor(task: Task, backend: MeasuredBackend | null, smallest = false): Size {
  const found = smallest ? task.sizes.at(-1) : (fitting(task, backend) ?? task.sizes.at(-1));
  if (found === undefined) throw new Error(`Task ${task.name} has no sizes.`);
  return found;
}

function fitting(task: Task, backend: MeasuredBackend | null): Size | undefined {
  if (backend === null || countsItems(task)) return task.sizes[0];
  const rate = backend.rates.step ?? backend.rates.matrix;
  const seconds = task.name === 'matrix' ? LONGEST_MATRIX_S : LONGEST_RUN_S;
  return task.sizes.find((size) => task.operations(size) / 1e9 / rate <= seconds);
}
