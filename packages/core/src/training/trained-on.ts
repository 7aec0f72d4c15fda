import type { BackendManifest } from '../backend.ts';

/** A backend that took the steps of a run from `fromStep`, counted from 0, until the next one of the list took over. */
export interface TrainedOn extends Pick<BackendManifest, 'id' | 'precision' | 'device'> {
  readonly fromStep: number;
}

/** The list with `backend` taking over at `step`; the same list when it is at work already. */
export function goOnWith(before: readonly TrainedOn[], backend: BackendManifest, step: number): readonly TrainedOn[] {
  if (isAtWork(before.at(-1), backend)) return before;
  const { id, precision, device } = backend;
  // One that took no step has no part in the run.
  return [...before.filter(({ fromStep }) => fromStep < step), { id, precision, device, fromStep: step }];
}

/** Whether steps were taken by anything else than `backend`, in its precision on its device. */
export function isMixed(trainedOn: readonly TrainedOn[], backend: BackendManifest): boolean {
  return trainedOn.some((one) => !isAtWork(one, backend));
}

function isAtWork(one: TrainedOn | undefined, { id, precision, device }: BackendManifest): boolean {
  return one?.id === id && one.precision === precision && one.device === device;
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
    const { id, precision, device, fromStep } = entry as Partial<Record<keyof TrainedOn, unknown>>; // an object; fields are checked next
    if (typeof id !== 'string' || typeof device !== 'string' || typeof fromStep !== 'number') return undefined;
    return precision === 'float32' || precision === 'float64' ? { id, precision, device, fromStep } : undefined;
  });
  return list.every((entry) => entry !== undefined) ? list : undefined;
}
