/** What a run tells while it works; plain data, so that `--json` prints it as it is. `stage` names the part that is under way. */
export type TrainingEvent =
  /** A part begins: `total` rows to collect or steps to take, of which `done` were found finished. */
  | { readonly type: 'stage'; readonly stage: string; readonly done: number; readonly total: number }
  /** Rows of a table were made. */
  | (Pace & { readonly type: 'rows'; readonly stage: string; readonly done: number; readonly total: number })
  /** One update. `step` counts from 1; `loss` is in nats, before the update; `temperature` as used. */
  | (Pace & {
      readonly type: 'step';
      readonly stage: string;
      readonly step: number;
      readonly steps: number;
      readonly epoch: number;
      readonly loss: number;
      readonly temperature: number;
    })
  /** Work of earlier runs that this one takes as it is: `what`, in words. */
  | { readonly type: 'reuse'; readonly stage: string; readonly what: string }
  | { readonly type: 'checkpoint'; readonly stage: string; readonly step: number; readonly path: string }
  | { readonly type: 'warning'; readonly stage: string; readonly message: string }
  /** A part is finished; `path` is what it wrote, `reused` says that it had been there before. */
  | { readonly type: 'done'; readonly stage: string; readonly path?: string; readonly reused?: true };

/** Says that a file of unfinished work is not as it was written, and that the work is done again. */
export function madeAgain(stage: string, path: string): TrainingEvent {
  const message = `${path} is damaged: its bytes are not those that were written. It is made again; check the disk.`;
  return { type: 'warning', stage, message };
}

/** How fast work goes, over the last seconds rather than since the start. */
export interface Pace {
  readonly rowsPerSecond: number;
  /** Until the end of the stage. */
  readonly etaSeconds: number;
}

/** Half of what the pace says comes from the last this many seconds. */
const HALF_LIFE_S = 10;

/** Measures the pace of one stage; call with the rows just done and the rows still to do. */
export function paceMeter(now: () => number = () => performance.now()): (rows: number, left: number) => Pace {
  let last = now();
  let seconds = 0;
  let rows = 0;
  return (justDone, left) => {
    const at = now();
    const elapsed = Math.max((at - last) / 1000, 1e-9);
    last = at;
    const fade = 0.5 ** (elapsed / HALF_LIFE_S);
    seconds = seconds * fade + elapsed;
    rows = rows * fade + justDone;
    const rowsPerSecond = rows / seconds;
    return { rowsPerSecond, etaSeconds: left === 0 ? 0 : left / rowsPerSecond };
  };
}

/** The same run with its events under another stage name. */
export async function* renameStage<Result>(
  stage: string,
  run: AsyncGenerator<TrainingEvent, Result, undefined>,
): AsyncGenerator<TrainingEvent, Result, undefined> {
  let next = await run.next();
  try {
    for (; !next.done; next = await run.next()) yield { ...next.value, stage };
    return next.value;
  } finally {
    // Whoever stops listening stops the run; a finished one ignores it, and the cast result is read by nobody.
    if (!next.done) await run.return(undefined as Result);
  }
}
