import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { FreebindError, isFreebindError } from '@freebind/core';
import { stopped } from './checksum.ts';
import { checkRoom, discardPart, partOf, resumablePart, sizeOf, unwritable, writePartNote } from './part-file.ts';
import { type Answer, ask, type Connecting, failure, Interruption, type Remote } from './remote.ts';
import { shownUrl } from './sources.ts';

/** What is known beforehand of a file that is fetched. */
export interface Expected {
  readonly size: number | null;
  readonly sha256: string | null;
}

/** What came, and was found to be what was expected. */
export interface Arrived {
  readonly size: number;
  readonly sha256: string;
}

export interface DownloadOptions extends Connecting {
  /** Tries in a row that bring nothing before it gives up. Default 5. */
  readonly tries?: number | undefined;
  /** Wait before the second try, doubled before each further one. Default 1000. */
  readonly waitMs?: number | undefined;
  readonly onBytes?: ((done: number, total: number | undefined) => void) | undefined;
  /** Hears why it tries again or begins anew. */
  readonly onNote?: ((text: string) => void) | undefined;
}

/**
 * Fetches a file to `target`, which gets that name when it is whole and verified. A connection that is cut is taken up again
 * where it ended (HTTP Range with If-Range), also by another process after this one was killed. Only one process may work on a
 * target at a time.
 *
 * @throws FREEBIND_FILE_MISSING when the server has no such file, FREEBIND_DOWNLOAD_FAILED when it does not give it, FREEBIND_FILE_INVALID when it is not what was expected,
 * FREEBIND_WRITE_FAILED, FREEBIND_ABORTED
 */
export async function download(
  remote: Remote,
  target: string,
  expected: Expected,
  options: DownloadOptions,
): Promise<Arrived> {
  const { tries = 5, waitMs = 1000, signal, onNote } = options;
  let before = -1;
  for (let failed = 0; ;) {
    try {
      return await attempt(remote, target, expected, options);
    } catch (error) {
      if (!(error instanceof Interruption)) throw error;
      const size = await sizeOf(partOf(target));
      failed = size > before ? 1 : failed + 1;
      before = size;
      if (failed >= tries) throw givenUp(remote, error, size);
      const pause = error.waitMs ?? waitMs * 2 ** (failed - 1);
      onNote?.(`${error.message}; trying again`);
      await wait(pause, undefined, { signal }).catch(() => undefined);
      if (signal?.aborted === true) throw stopped(signal);
    }
  }
}

async function attempt(remote: Remote, target: string, expected: Expected, options: DownloadOptions): Promise<Arrived> {
  const part = partOf(target);
  const held = await resumablePart(target, shownUrl(remote.url), expected.sha256 !== null);
  const range: Record<string, string> = held === undefined ? {} : { range: `bytes=${held.size}-` };
  if (held?.validator != null) range['if-range'] = held.validator;
  const answer = await ask(remote, range, options);
  const start = await startOf(answer, remote, target, held?.size);
  const length = Number(answer.headers['content-length'] ?? Number.NaN);
  const total = Number.isNaN(length) ? undefined : start + length;
  if (expected.size !== null && total !== undefined && total !== expected.size) {
    answer.body.destroy();
    await discardPart(target);
    throw new FreebindError(
      'FREEBIND_FILE_INVALID',
      `${shownUrl(remote.url)} is ${total} bytes, expected ${expected.size}. Nothing was kept. It is another file than the manifest means: update the space's package, or check FREEBIND_MODELS_URL.`,
    );
  }
  const arrived = await keep(answer, { remote, target, start, total }, options);
  const sha256 = expected.sha256 ?? answer.linkedSha256;
  const sizeFits = expected.size === null || expected.size === arrived.size;
  if (!sizeFits || (sha256 !== undefined && sha256 !== null && sha256 !== arrived.sha256)) {
    await discardPart(target);
    // The part may have been of another file of that name: once more, from its beginning.
    if (start > 0) throw new Interruption('what had arrived before does not fit to the rest; it begins anew');
    throw new FreebindError(
      'FREEBIND_FILE_INVALID',
      `${shownUrl(remote.url)} came as ${arrived.size} bytes with sha256 ${arrived.sha256}, expected ${sizeFits ? sha256 : `${expected.size} bytes`}. Nothing was kept. Try again; if it stays so, its source has changed it, or something on the way does.`,
    );
  }
  await rename(part, target).catch((cause: unknown) => {
    throw unwritable(target, cause);
  });
  await discardPart(target); // the note about it
  return arrived;
}

/** Which byte of the file the body begins with. */
async function startOf(answer: Answer, remote: Remote, target: string, asked: number | undefined): Promise<number> {
  const { status, headers, body } = answer;
  if (status < 300 && /^text\/html\b/i.test(headers['content-type'] ?? '')) {
    body.destroy();
    throw new FreebindError(
      'FREEBIND_DOWNLOAD_FAILED',
      `${shownUrl(remote.url)} answered with a page (text/html) in place of the file: it may want a login. Nothing was kept.`,
    );
  }
  if (status === 200) return 0;
  if (status === 206) {
    const start = Number(/^bytes (\d+)-/.exec(headers['content-range'] ?? '')?.[1] ?? Number.NaN);
    if (start === asked) return start;
  }
  body.destroy();
  const where = shownUrl(remote.url);
  if (status === 206 || status === 416) {
    await discardPart(target);
    throw new Interruption(`${where} has no such part; it begins anew`);
  }
  if (status === 408 || status === 429 || status >= 500) {
    const seconds = Number(headers['retry-after'] ?? Number.NaN);
    throw new Interruption(
      `${where} answered ${status}`,
      Number.isNaN(seconds) ? {} : { waitMs: Math.min(seconds, 60) * 1000 },
    );
  }
  const code = status === 404 || status === 410 ? 'FREEBIND_FILE_MISSING' : 'FREEBIND_DOWNLOAD_FAILED';
  throw new FreebindError(code, `${where} answered ${status}: ${meaning(status, remote)}.`);
}

function meaning(status: number, { token }: Remote): string {
  if (status === 401)
    return token === undefined
      ? 'it wants a login. Set HF_TOKEN to a token of your account on the hub'
      : 'it does not accept the token in HF_TOKEN. Make a new one';
  if (status === 403)
    return 'it does not allow it. Ask for access on the page of the model, and set HF_TOKEN to a token of that account';
  if (status === 404 || status === 410) return 'there is no such file. It was moved, or a mirror lacks it';
  return 'expected 200 or 206';
}

/** Writes a body behind what is there, and hashes all of it. */
async function keep(
  { headers, body }: Answer,
  file: {
    readonly remote: Remote;
    readonly target: string;
    readonly start: number;
    readonly total: number | undefined;
  },
  { signal, onBytes }: DownloadOptions,
): Promise<Arrived> {
  const { remote, target, start, total } = file;
  const part = partOf(target);
  const hash = createHash('sha256');
  let handle: FileHandle | undefined;
  let done = start;
  const write = async <T>(what: () => Promise<T>): Promise<T> => {
    try {
      return await what();
    } catch (cause) {
      throw isFreebindError(cause) ? cause : unwritable(target, cause);
    }
  };
  try {
    await write(async () => {
      await mkdir(dirname(part), { recursive: true });
      await checkRoom(part, (total ?? 0) - start);
      handle = await open(part, start === 0 ? 'w' : 'r+');
      // A weak ETag does not promise the same bytes (RFC 9110, 13.1.5), so no part may be asked for by it.
      const etag = headers['etag'];
      const validator = etag !== undefined && !etag.startsWith('W/') ? etag : headers['last-modified'];
      await writePartNote(target, { url: shownUrl(remote.url), ...(validator !== undefined && { validator }) });
      if (start > 0)
        for await (const chunk of createReadStream(part, { end: start - 1 }) as AsyncIterable<Buffer>)
          hash.update(chunk);
    });
    const to = handle;
    if (to === undefined) throw new Error('The part is open.');
    onBytes?.(done, total);
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        if (signal?.aborted === true) throw stopped(signal);
        await write(() => writeAll(to, chunk, done));
        hash.update(chunk);
        onBytes?.((done += chunk.length), total);
      }
    } catch (cause) {
      throw failure(new URL(remote.url), cause, signal);
    }
    if (total !== undefined && done < total)
      throw new Interruption(`the connection ended after ${done} of ${total} bytes`);
    await write(() => to.sync());
  } finally {
    await handle?.close();
    body.destroy();
  }
  return { size: done, sha256: hash.digest('hex') };
}

async function writeAll(handle: FileHandle, chunk: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < chunk.length;)
    done += (await handle.write(chunk, done, chunk.length - done, at + done)).bytesWritten;
}

function givenUp(remote: Remote, last: Interruption, size: number): FreebindError {
  const kept = size > 0 ? ` The ${size} bytes that came are kept; the same command goes on from there.` : '';
  return new FreebindError(
    'FREEBIND_DOWNLOAD_FAILED',
    `${shownUrl(remote.url)} could not be fetched: ${last.message}.${kept}`,
    { cause: last },
  );
}
