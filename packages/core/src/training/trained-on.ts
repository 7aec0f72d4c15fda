import { type Arithmetic, arithmeticOf } from '../arithmetic.ts';
import type { BackendManifest } from '../backend.ts';

/** A backend that took the steps of a run from `fromStep`, counted from 0, until the next one of the list took over. */
export interface TrainedOn extends Arithmetic, Pick<BackendManifest, 'device'> {
  readonly fromStep: number;
}

/** The list with `backend` taking over at `step`; the same list when it is at work already. */
export function goOnWith(before: readonly TrainedOn[], backend: BackendManifest, step: number): readonly TrainedOn[] {
  if (isAtWork(before.at(-1), backend)) return before;
  const { device } = backend;
  // One that took no step has no part in the run.
  return [...before.filter(({ fromStep }) => fromStep < step), { ...arithmeticOf(backend), device, fromStep: step }];
}

/** Whether steps were taken by anything else than `backend` on its device. */
export function isMixed(trainedOn: readonly TrainedOn[], backend: BackendManifest): boolean {
  return trainedOn.some((one) => !isAtWork(one, backend));
}

/** Whether all steps were taken in the arithmetic of `backend`, on whatever device. */
export function isOneArithmetic(trainedOn: readonly TrainedOn[], backend: BackendManifest): boolean {
  return trainedOn.every((one) => isAlike(one, backend));
}

function isAtWork(one: TrainedOn | undefined, backend: BackendManifest): boolean {
  return one !== undefined && isAlike(one, backend) && one.device === backend.device;
}

function isAlike(one: Arithmetic, { id, precision, tolerance }: Arithmetic): boolean {
  return one.id === id && one.precision === precision && one.tolerance === tolerance;
}

/** In words: `reference, float64 (cpu) from step 0, then onnx, float32 (cpu, 2 threads) from step 12`. */
export function describeTrainedOn(trainedOn: readonly TrainedOn[]): string {
  return trainedOn
    .map(({ id, precision, device, fromStep }) => `${id}, ${precision} (${device}) from step ${fromStep}`)
    .join(', then ');
}

/** Checks what a checkpoint says; undefined when it is no such list. */
export function readTrainedOn(data: unknown): readonly TrainedOn[] | undefined {
  if (!Array.isArray(data)) return undefined;
  const list = data.map((entry: unknown): TrainedOn | undefined => {
    if (typeof entry !== 'object' || entry === null) return undefined;
    const { id, precision, tolerance, device, fromStep } = entry as Partial<Record<keyof TrainedOn, unknown>>; // an object; fields are checked next
    if (typeof id !== 'string' || typeof device !== 'string') return undefined;
    if (typeof tolerance !== 'number' || typeof fromStep !== 'number') return undefined;
    if (precision !== 'float32' && precision !== 'float64') return undefined;
    return { id, precision, tolerance, device, fromStep };
  });
  return list.every((entry) => entry !== undefined) ? list : undefined;
}
