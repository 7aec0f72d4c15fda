import { readFile, stat } from 'node:fs/promises';
import { describeKind, FreebindError } from '@freebind/core';
import { deadlineIn } from './deadline.ts';
import { fetchAddress } from './fetch-address.ts';
import { checkSignal, MAX_BYTES, type MediaLimits, TIMEOUT_MS, unreadable } from './limits.ts';

/** Where an encoded file comes from: a path, an http(s) address, its bytes, or a stream of them. */
export type MediaSource = string | URL | Uint8Array | AsyncIterable<Uint8Array>;

/**
 * All bytes of a source. Text is a path unless it begins with http:// or https://; other schemes are refused, also where a
 * server redirects to one. Servers that are busy and connections that break are tried again, within the time.
 *
 * @throws FREEBIND_FILE_MISSING for a path or address with nothing there, FREEBIND_FILE_INVALID for one that is empty, larger
 * than `maxBytes` or slower than `timeoutMs`, FREEBIND_ARGUMENT_INVALID for another scheme, for what is no source and for a time that is none, FREEBIND_ABORTED
 */
export async function readSource(source: MediaSource, limits: MediaLimits = {}): Promise<Uint8Array> {
  checkSignal(limits.signal);
  if (source instanceof Uint8Array) return checkLength(source, 'What was given', limits);
  checkSource(source);
  const name =
    typeof source === 'string' ? source || 'The path ""' : source instanceof URL ? source.href : 'the stream';
  const timeoutMs = limits.timeoutMs ?? TIMEOUT_MS;
  const endsAt = Date.now() + timeoutMs;
  const deadline = deadlineIn(timeoutMs, limits.signal);
  const { signal } = deadline;
  try {
    const path = pathOf(source);
    const reading = { name, limits, signal };
    const bytes =
      path !== undefined
        ? await readPath(path, limits, signal)
        : typeof source === 'string' || source instanceof URL
          ? await readAddress(source, reading, endsAt)
          : await collect(source, reading);
    return checkLength(bytes, name, limits);
  } catch (error) {
    if (error instanceof FreebindError) throw error;
    checkSignal(limits.signal);
    if (deadline.passed)
      throw unreadable(
        `${name} was not read within ${timeoutMs} ms. Try again, or read it in a program with more time (\`timeoutMs\`).`,
        error,
      );
    throw new FreebindError(
      'FREEBIND_FILE_MISSING',
      `${name} could not be read (${reasonOf(error)}). Check that it is there and may be read.`,
      { cause: error },
    );
  } finally {
    deadline.release();
  }
}

/** TypeScript sees what is no source; JavaScript does not. */
function checkSource(source: Exclude<MediaSource, Uint8Array>): void {
  const isStream = typeof source === 'object' && source !== null && Symbol.asyncIterator in source;
  if (typeof source === 'string' || source instanceof URL || isStream) return;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `The source is ${describeKind(source)}, but a path, an address, a Uint8Array of bytes or a stream of them was expected. Of an ArrayBuffer make one: new Uint8Array(buffer).`,
  );
}

/** The path that a source is, if it is one. */
function pathOf(source: Exclude<MediaSource, Uint8Array>): string | URL | undefined {
  if (source instanceof URL) return source.protocol === 'file:' ? source : undefined;
  return typeof source === 'string' && !/^https?:\/\//i.test(source) ? source : undefined;
}

/** A whole file in one piece: a stream takes twenty times as long over a megabyte. */
async function readPath(path: string | URL, limits: MediaLimits, signal: AbortSignal): Promise<Uint8Array> {
  // A file system that never answers is left by the signal.
  const end = stopped(signal);
  const stats = await Promise.race([stat(path), end]);
  if (!stats.isFile())
    throw new FreebindError(
      'FREEBIND_FILE_MISSING',
      `${String(path)} is not a file, but one was expected. Give the path of a file.`,
    );
  if (stats.size > (limits.maxBytes ?? MAX_BYTES)) throw tooLarge(String(path), limits);
  const { buffer, byteOffset, length } = await Promise.race([readFile(path, { signal }), end]);
  return new Uint8Array(buffer, byteOffset, length);
}

/** Fails when the signal says so. */
function stopped(signal: AbortSignal): Promise<never> {
  const promise = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  promise.catch(() => undefined); // of interest only while something is waited for
  return promise;
}

/** What is read within which limits; `name` is for messages. */
interface Reading {
  readonly name: string;
  readonly limits: MediaLimits;
  readonly signal: AbortSignal;
}

async function readAddress(address: string | URL, reading: Reading, endsAt: number): Promise<Uint8Array> {
  const url = new URL(address);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `${url.href} has the scheme ${url.protocol}, but media are read from paths, http and https.`,
    );
  const { limits, signal } = reading;
  return fetchAddress(
    url,
    async ({ headers, body }) => {
      if (Number(headers.get('content-length') ?? 0) > (limits.maxBytes ?? MAX_BYTES)) {
        await body?.cancel();
        throw tooLarge(url.href, limits);
      }
      return body === null ? new Uint8Array(0) : collect(body, reading);
    },
    { signal, endsAt },
  );
}

async function collect(chunks: AsyncIterable<Uint8Array>, { name, limits, signal }: Reading): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const iterator = chunks[Symbol.asyncIterator]();
  const end = stopped(signal);
  try {
    for (;;) {
      // A stream that never gives anything is left by the signal.
      const next = await Promise.race([iterator.next(), end]);
      if (next.done === true) break;
      const chunk: unknown = next.value;
      if (!(chunk instanceof Uint8Array))
        throw new FreebindError(
          'FREEBIND_ARGUMENT_INVALID',
          `The stream gave ${describeKind(chunk)}, but bytes were expected, each time a Uint8Array. Open it without an encoding.`,
        );
      size += chunk.length;
      if (size > (limits.maxBytes ?? MAX_BYTES)) throw tooLarge(name, limits);
      parts.push(chunk);
    }
  } finally {
    void iterator.return?.().catch(() => undefined);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function checkLength(bytes: Uint8Array, name: string, limits: MediaLimits): Uint8Array {
  if (bytes.length === 0)
    throw unreadable(
      `${name} is empty, but a file with something in it was expected. Get it again from its source, or leave it out.`,
    );
  if (bytes.length > (limits.maxBytes ?? MAX_BYTES)) throw tooLarge(name, limits);
  return bytes;
}

function tooLarge(name: string, { maxBytes = MAX_BYTES }: MediaLimits): FreebindError {
  return unreadable(
    `${name} has more than ${maxBytes} bytes, which is the limit. Cut the file, or read it in a program with a higher limit (\`maxBytes\`).`,
  );
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? `${error.message}: ${cause.message}` : error.message;
}
