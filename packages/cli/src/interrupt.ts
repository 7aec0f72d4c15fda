/** What ended the program early, as an exit status: 128 + the number of the signal. */
export const INTERRUPTED = 130;
export const TERMINATED = 143;

/** Turns Ctrl-C into an AbortSignal. The first asks the work to stop where it can continue later, the second ends the process. */
export class Interrupt {
  readonly #controller = new AbortController();
  #status: number | undefined;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The exit status that a signal asks for, or undefined while none came. */
  get status(): number | undefined {
    return this.#status;
  }

  /** @param say what tells the person that the first Ctrl-C was heard */
  listen(say: (text: string) => void): void {
    const statuses = { SIGINT: INTERRUPTED, SIGTERM: TERMINATED };
    const on = (signal: keyof typeof statuses): void => {
      // The next one is the system's, which ends the process whatever it is at; process.exit would wait for graphs that run.
      process.off('SIGINT', on).off('SIGTERM', on);
      this.#status = statuses[signal];
      say('Stopping at the next safe point; press Ctrl-C again to stop at once.');
      this.#controller.abort();
    };
    process.on('SIGINT', on).on('SIGTERM', on);
  }
}
