import { setTimeout as wait } from 'node:timers/promises';
import { FreebindError } from '@freebind/core';

/** Times that an address is asked before it is given up. */
const TRIES = 4;
/** Wait before the second try, in ms; doubled before each further one. */
const WAIT_MS = 500;
/** Of the errors of Node and its fetch, those of connections that broke. Others, such as that nobody listens, stay at another try. */
const BROKEN = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'UND_ERR_SOCKET', 'UND_ERR_CONNECT_TIMEOUT']);

/** Something that may go better at the next try: a connection that broke, a server that is busy. */
class Interruption extends Error {
  override readonly name = 'Interruption';
  /** Milliseconds that the server asked to wait (`Retry-After`). */
  readonly waitMs: number | undefined;

  constructor(message: string, { waitMs, ...options }: ErrorOptions & { readonly waitMs?: number | undefined }) {
    super(message, options);
    this.waitMs = waitMs;
  }
}

/**
 * What `take` makes of the answer of an http(s) address. A server that is busy (408, 429, 5xx) and a connection that breaks are
 * tried again a few times, after what the server asks for or longer each time, as long as that ends before `endsAt`.
 *
 * @throws FREEBIND_FILE_MISSING for another answer than a success and when the tries are used up; what `take` and fetch throw
 */
export async function fetchAddress<T>(
  url: URL,
  take: (response: Response) => Promise<T>,
  { signal, endsAt }: { readonly signal: AbortSignal; readonly endsAt: number },
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await take(await ask(url, signal));
    } catch (error) {
      const interruption = interruptionOf(url, error);
      if (interruption === undefined) throw error;
      const asksFor = interruption.waitMs ?? 0; // milliseconds
      const pauseMs = interruption.waitMs ?? WAIT_MS * 2 ** (tries - 1);
      if (tries === TRIES || Date.now() + pauseMs > endsAt)
        throw new FreebindError(
          'FREEBIND_FILE_MISSING',
          `${interruption.message}, asked ${tries === 1 ? 'once' : `${tries} times`}${asksFor > 0 ? ` (it asks to wait ${asksFor / 1000} s)` : ''}. Try again later.`,
          { cause: interruption },
        );
      await wait(pauseMs, undefined, { signal });
    }
  }
}

async function ask(url: URL, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, { signal });
  if (response.ok) return response;
  await response.body?.cancel();
  const { status, statusText, headers } = response;
  const answer = `${url.href} answered ${status} ${statusText}`;
  if (status === 408 || status === 429 || status >= 500)
    throw new Interruption(answer, { waitMs: waitOf(headers.get('retry-after')) });
  throw new FreebindError('FREEBIND_FILE_MISSING', `${answer}. Check the address.`);
}

/** Milliseconds that `Retry-After` asks for, which is a number of seconds or a date (RFC 9110, 10.2.3). */
function waitOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? 1000 * Number(header) : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(ms, 0);
}

function interruptionOf(url: URL, error: unknown): Interruption | undefined {
  if (error instanceof Interruption) return error;
  // What fetch and bodies throw says what happened in its cause.
  const cause: unknown = error instanceof TypeError ? error.cause : undefined;
  if (!(cause instanceof Error && 'code' in cause && BROKEN.has(String(cause.code)))) return undefined;
  return new Interruption(`The connection to ${url.href} broke (${cause.message})`, { cause: error });
}
