import { FreebindError } from '@freebind/core';
import type { TrainingEvent } from '@freebind/core/training';
import type { RunFolder, StageTime } from './run-folder.ts';

/** What a quickstart tells while it works. */
export interface QuickstartEvent {
  /** Stage under way, from 1, of `stages`. */
  readonly stage: number;
  readonly stages: number;
  readonly name: string;
  /** What the stage itself tells; absent when it begins. */
  readonly event?: TrainingEvent;
}

/** Runs the stages of a quickstart one after another, tells of them and takes their times. */
export interface StageRunner {
  /** Of the stages so far, in order. */
  readonly times: readonly StageTime[];
  /** Runs a stage to its end. `seconds` of one that was done before are those that it took then. @throws FREEBIND_ABORTED */
  run<Result extends { readonly reused: boolean }>(
    name: string,
    work: AsyncGenerator<TrainingEvent, Result, undefined>,
  ): Promise<Result & { readonly seconds: number }>;
}

/** A runner of `stages` stages. */
export function stageRunner(options: {
  readonly stages: number;
  readonly folder: RunFolder;
  readonly signal: AbortSignal | undefined;
  readonly tell: ((event: QuickstartEvent) => void) | undefined;
}): StageRunner {
  const { stages, folder, signal, tell } = options;
  const times: StageTime[] = [];
  return {
    times,
    run: async (name, work) => {
      if (signal?.aborted === true) {
        const message = `The quickstart was stopped before "${name}"; run it again to go on.`;
        throw new FreebindError('FREEBIND_ABORTED', message, { cause: signal.reason });
      }
      const stage = times.length + 1;
      tell?.({ stage, stages, name });
      const start = performance.now();
      for (;;) {
        const next = await work.next();
        if (next.done !== true) {
          tell?.({ stage, stages, name, event: next.value });
          continue;
        }
        const took = Number(((performance.now() - start) / 1000).toFixed(2));
        const { reused } = next.value;
        const seconds = reused ? (folder.earlier[name] ?? took) : took;
        times.push({ name, seconds, reused });
        if (!reused) await folder.record(name, seconds);
        return { ...next.value, seconds };
      }
    },
  };
}
