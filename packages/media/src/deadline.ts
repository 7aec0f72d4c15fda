/** A time by which something must be done, unless it is stopped before. */
export interface Deadline {
  /** Says so when the time has passed, or when it is stopped. */
  readonly signal: AbortSignal;
  readonly passed: boolean;
  /** Lets the clock and the signal it was made of go, when what it is for has ended. */
  release(): void;
}

/**
 * The deadline of one file of many. With `AbortSignal.timeout` and `AbortSignal.any`, each file that was read would be remembered by the
 * signal of the whole run as long as that lives (Node 20), and by a clock for the whole time.
 */
export function deadlineIn(ms: number, stop?: AbortSignal): Deadline {
  const controller = new AbortController();
  let passed = false;
  const timer = setTimeout(() => {
    passed = true;
    controller.abort(new Error(`${ms} ms have passed.`));
  }, ms);
  const onStop = (): void => controller.abort(stop?.reason);
  stop?.addEventListener('abort', onStop, { once: true });
  return {
    signal: controller.signal,
    get passed() {
      return passed;
    },
    release: () => {
      clearTimeout(timer);
      stop?.removeEventListener('abort', onStop);
    },
  };
}
