import type { Writable } from 'node:stream';
import type { Progress } from './progress.ts';

/** How one run of the program talks: set by the options that every command takes. */
export interface Manner {
  /** One JSON document (or, for runs of events, JSON lines) on stdout and nothing else there. */
  readonly json?: boolean;
  /** No progress and no remarks; results and errors only. */
  readonly quiet?: boolean;
  /** Stack traces and causes with errors. */
  readonly debug?: boolean;
}

/**
 * One run of the program: where its results and remarks go and what stops it. Results are for stdout, so that they can be
 * piped; everything said along the way is for stderr.
 */
export class Session {
  readonly signal: AbortSignal;
  #manner: Manner = {};
  #failed = false;
  readonly #stdout: Writable;
  readonly #stderr: Writable & { readonly isTTY?: boolean };

  constructor(streams: { readonly stdout: Writable; readonly stderr: Writable }, signal: AbortSignal) {
    this.#stdout = streams.stdout;
    this.#stderr = streams.stderr;
    this.signal = signal;
  }

  get manner(): Manner {
    return this.#manner;
  }

  /** Called when the options are known and before any command runs, or when they are wrong. */
  speak(manner: Manner): void {
    this.#manner = manner;
  }

  /** True when a command did its work and what it found is a failure. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Ends the program with status 1, without an error: the result has said why. */
  fail(): void {
    this.#failed = true;
  }

  /** The result of a command: `text` for people, or `document` with `--json`. */
  result(document: unknown, text: string): void {
    if (this.#manner.json) this.line(document);
    else if (text !== '') this.#stdout.write(`${text}\n`);
  }

  /** One JSON value on a line of stdout, with `--json` only. */
  line(value: unknown): void {
    if (this.#manner.json) this.#stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** A remark for people; silent with `--json` and `--quiet`. */
  note(text: string): void {
    if (!this.#manner.json && !this.#manner.quiet) this.#stderr.write(`${text}\n`);
  }

  /** What went wrong; never silent. */
  complain(text: string): void {
    this.#stderr.write(`${text}\n`);
  }

  /** A progress bar on a terminal, an occasional line elsewhere, nothing with `--json` and `--quiet`. */
  async progress(): Promise<Progress> {
    const { Progress } = await import('./progress.ts');
    if (this.#manner.json || this.#manner.quiet) return new Progress('silent', this.#stderr);
    return new Progress(this.#stderr.isTTY === true ? 'bar' : 'lines', this.#stderr);
  }
}
