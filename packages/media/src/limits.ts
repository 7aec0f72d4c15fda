import { describeKind, FreebindError } from '@freebind/core';

/** What a file may cost before it is refused. */
export interface MediaLimits {
  /** Bytes of the encoded file. Default 256 MiB. */
  readonly maxBytes?: number;
  /** Pixels of a decoded picture, refused by its header before it is decoded. Default 100 million. */
  readonly maxPixels?: number;
  /** Seconds of decoded sound, with samples of at most six channels at 48 kHz. Default 1,800, the most that encoders' inputs are made of. */
  readonly maxSeconds?: number;
  /** Time that fetching or reading may take. Default 60,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export const MAX_BYTES = 256 * 2 ** 20;
export const MAX_PIXELS = 100e6;
export const MAX_SECONDS = 1800;
export const TIMEOUT_MS = 60_000;

/** The error of a file that is not what it should be. */
export function unreadable(message: string, cause?: unknown): FreebindError {
  return new FreebindError('FREEBIND_FILE_INVALID', message, cause === undefined ? undefined : { cause });
}

/** TypeScript sees what are no bytes; JavaScript does not. @throws FREEBIND_ARGUMENT_INVALID */
export function checkBytes(bytes: unknown): void {
  if (bytes instanceof Uint8Array) return;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `The encoded file is ${describeKind(bytes)}, but its bytes were expected, a Uint8Array. Of an ArrayBuffer make one: new Uint8Array(buffer).`,
  );
}

/** @throws FREEBIND_ABORTED when the signal has said so */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true)
    throw new FreebindError('FREEBIND_ABORTED', 'Reading media was stopped.', { cause: signal.reason });
}
