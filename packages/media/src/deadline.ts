import { setMaxListeners } from 'node:events';
import { FreebindError } from '@freebind/core';

/** What a timer holds; one of more would end at once. */
const LONGEST_MS = 2 ** 31 - 1;

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
 * signal of the whole run as long as that lives (Node 20), and by a clock for the whole time. Beyond 24 days there is no clock.
 *
 * @throws FREEBIND_ARGUMENT_INVALID for a time that is none
 */
export function deadlineIn(ms: number, stop?: AbortSignal): Deadline {
  if (!(ms > 0))
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `\`timeoutMs\` is ${String(ms)}, but a number of milliseconds above 0 was expected; Infinity is for no limit.`,
    );
  const controller = new AbortController();
  let passed = false;
  const end = (): void => {
    passed = true;
    controller.abort(new Error(`${ms} ms have passed.`));
  };
  const timer = ms <= LONGEST_MS ? setTimeout(end, ms) : undefined;
  const onStop = (): void => controller.abort(stop?.reason);
  // Of the eleventh file that is read at a time Node would warn as of a leak.
  if (stop !== undefined) setMaxListeners(0, stop);
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
