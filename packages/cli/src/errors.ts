/** An error as the program tells it. */
export interface Told {
  /** A code of freebind's list; `FREEBIND_INTERNAL` for what should not happen. */
  readonly code: string;
  readonly message: string;
  /** All that is printed. */
  readonly text: string;
}

/** Words for an error: one line with its code and what to do, causes and stack only with `debug`. */
export async function describeError(error: unknown, debug: boolean): Promise<Told> {
  const { isFreebindError } = await import('@freebind/core');
  const message = error instanceof Error ? error.message : String(error);
  const trace = debug ? `\n${trail(error)}` : '';
  if (isFreebindError(error)) return { code: error.code, message, text: `error ${error.code}: ${message}${trace}` };
  const hint = debug ? '' : '\nThis is a bug in freebind or in a plugin; run again with --debug and report the trace.';
  return { code: 'FREEBIND_INTERNAL', message, text: `error FREEBIND_INTERNAL: ${message}${hint}${trace}` };
}

/** The stack of an error and of everything that caused it. */
function trail(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const cause = error.cause === undefined ? '' : `\ncaused by ${trail(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
