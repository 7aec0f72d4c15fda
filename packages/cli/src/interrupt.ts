/** What ended the program early, as an exit status: 128 + the number of the signal. */
export const INTERRUPTED = 130;
const STATUSES = { SIGINT: INTERRUPTED, SIGTERM: 143, SIGHUP: 129 } as const;

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

  /**
   * SIGTERM is heard like Ctrl-C, and so is SIGHUP, of a terminal or an ssh session that is gone: under nohup too, as Node undoes
   * that a signal was ignored and does not tell, and a run that stops where it can go on is better off than one that is killed.
   *
   * @param say what tells the person that the first Ctrl-C was heard
   */
  listen(say: (text: string) => void): void {
    const on = (signal: keyof typeof STATUSES): void => {
      // A shell and the terminal both tell of the end of a session, so SIGHUP comes twice.
      if (this.#status !== undefined) return;
      // The next one is the system's, which ends the process whatever it is at; process.exit would wait for graphs that run.
      process.off('SIGINT', on).off('SIGTERM', on);
      this.#status = STATUSES[signal];
      say('Stopping at the next safe point; press Ctrl-C again to stop at once.');
      this.#controller.abort();
    };
    process.on('SIGINT', on).on('SIGTERM', on).on('SIGHUP', on);
  }
}
