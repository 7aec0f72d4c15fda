import { FreebindError } from '../errors.ts';

/** The text of a file's bytes, without a mark of byte order. @throws FREEBIND_FILE_INVALID as `notUtf8` says it */
export function decodeUtf8(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw notUtf8(path, bytes, cause);
  }
}

/** Says of a file that it is not UTF-8, and how to convert it, by the mark of byte order that UTF-16 (as Excel exports) begins with. `start` is its first bytes. */
export function notUtf8(path: string, start: Uint8Array, cause: unknown): FreebindError {
  const mark = ((start[0] ?? 0) << 8) | (start[1] ?? 0);
  const advice =
    mark === 0xfffe || mark === 0xfeff
      ? 'Convert it: iconv -f utf-16 -t utf-8.'
      : 'Convert it, if it is Latin-1 as is likely: iconv -f latin1 -t utf-8.';
  return new FreebindError('FREEBIND_FILE_INVALID', `${path} is not UTF-8 text. ${advice}`, { cause });
}
