import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { FreebindError } from '@freebind/core';
import { stopped } from './checksum.ts';
import { openTunnel, proxyOf, refusalOf, requestThrough } from './proxy.ts';
import { shownUrl } from './sources.ts';

/** A file on a server. */
export interface Remote {
  readonly url: string;
  /** Sent to the origin of `url` and to no other, not even where that one redirects. */
  readonly token?: string | undefined;
}

/** What a server answered, after its redirects. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** sha256 of the file as the hub states it (`X-Linked-ETag`, on the first of its answers). */
  readonly linkedSha256: string | undefined;
  readonly body: IncomingMessage;
}

/** Something that may go better at the next try: a connection that was cut, a server that is busy. */
export class Interruption extends Error {
  override readonly name = 'Interruption';
  /** Milliseconds that the server asked to wait (`Retry-After`). */
  readonly waitMs: number | undefined;

  constructor(message: string, { waitMs, ...options }: ErrorOptions & { readonly waitMs?: number } = {}) {
    super(message, options);
    this.waitMs = waitMs;
  }
}

const MOST_REDIRECTS = 10;
/** A connection is given up when nothing comes for so long. */
const SILENCE_MS = 60_000;
/** What no second try will mend: there is no such host, or nobody listens there. */
const NO_WAY = new Set(['ENOTFOUND', 'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'CERT_HAS_EXPIRED']);

/** What asking rests on. */
export interface Connecting {
  /** HTTPS_PROXY, HTTP_PROXY and NO_PROXY. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks for a file, following redirects. A redirect to another origin takes no token along, and one from https to http is not
 * followed.
 *
 * @throws Interruption FREEBIND_DOWNLOAD_FAILED FREEBIND_ABORTED
 */
export async function ask(
  { url, token }: Remote,
  headers: Readonly<Record<string, string>>,
  connecting: Connecting,
): Promise<Answer> {
  const { origin } = new URL(url);
  let secret = token;
  let linkedSha256: string | undefined;
  for (let at = new URL(url), hops = 0; ; hops++) {
    const asked = {
      ...headers,
      'user-agent': 'freebind',
      // The bytes of the file itself, which are what is counted and hashed.
      'accept-encoding': 'identity',
      ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
    };
    const body = await get(at, asked, connecting).catch((cause: unknown) => {
      throw failure(at, cause, connecting.signal);
    });
    // A body that is let go of tells so, which nobody need hear.
    body.on('error', () => undefined);
    const { statusCode: status = 0 } = body;
    const one = Object.fromEntries(Object.entries(body.headers).map(([k, v]) => [k, Array.isArray(v) ? v[0] : v]));
    linkedSha256 ??= /^(?:W\/)?"?([0-9a-f]{64})"?$/.exec(one['x-linked-etag'] ?? '')?.[1];
    const { location } = one;
    if (status < 300 || status > 399 || location === undefined) return { status, headers: one, linkedSha256, body };
    body.destroy();
    const next = new URL(location, at);
    if (hops >= MOST_REDIRECTS) throw refused(at, `redirected more than ${MOST_REDIRECTS} times`);
    if (!/^https?:$/.test(next.protocol) || (at.protocol === 'https:' && next.protocol !== 'https:'))
      throw refused(at, `redirected to ${shownUrl(next.href)}, which is not https`);
    if (next.origin !== origin) secret = undefined;
    at = next;
  }
}

/** One answer, whose body waits to be read. @throws FREEBIND_DOWNLOAD_FAILED when a proxy refuses, and the system's errors */
async function get(
  url: URL,
  headers: Readonly<Record<string, string>>,
  { env, signal }: Connecting,
): Promise<IncomingMessage> {
  const options = { headers, timeout: SILENCE_MS, ...(signal && { signal }) };
  const proxy = proxyOf(url, env);
  if (url.protocol === 'https:') {
    const socket = proxy && (await openTunnel(proxy, url, { signal, timeout: SILENCE_MS }));
    return answerTo(httpsRequest(url, { ...options, ...(socket && { createConnection: () => socket }) }));
  }
  if (proxy === undefined) return answerTo(httpRequest(url, options));
  const answer = await answerTo(requestThrough(proxy, url, options));
  const refusal = refusalOf(proxy, url, answer.statusCode ?? 0);
  if (refusal === undefined) return answer;
  answer.on('error', () => undefined).destroy();
  throw refusal;
}

function answerTo(asked: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    asked.on('timeout', () => asked.destroy(new Error(`nothing came for ${SILENCE_MS / 1000} s`)));
    asked.on('response', resolve).on('error', reject).end();
  });
}

/** What a failed connection is: worth another try, or not. */
export function failure(at: URL, cause: unknown, signal: AbortSignal | undefined): FreebindError | Interruption {
  if (signal?.aborted === true) return stopped(signal);
  if (cause instanceof FreebindError || cause instanceof Interruption) return cause;
  const { code = '', message } = cause as { readonly code?: string; readonly message: string }; // Node's errors
  if (NO_WAY.has(code)) return refused(at, `could not be reached: ${message}`, cause);
  return new Interruption(`the connection to ${at.host} failed: ${message}`, { cause });
}

function refused(at: URL, what: string, cause?: unknown): FreebindError {
  return new FreebindError('FREEBIND_DOWNLOAD_FAILED', `${shownUrl(at.href)} ${what}.`, { cause });
}
