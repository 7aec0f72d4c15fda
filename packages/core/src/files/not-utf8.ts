import { FreebindError } from '../errors.ts';

/** Says of a file that it is not UTF-8, and how to convert it, by the mark of byte order that UTF-16 (as Excel exports) begins with. `start` is its first bytes. */
export function notUtf8(path: string, start: Uint8Array, cause: unknown): FreebindError {
  const mark = ((start[0] ?? 0) << 8) | (start[1] ?? 0);
  const advice =
    mark === 0xfffe || mark === 0xfeff
      ? 'Convert it: iconv -f utf-16 -t utf-8.'
      : 'Convert it, if it is Latin-1 as is likely: iconv -f latin1 -t utf-8.';
  return new FreebindError('FREEBIND_FILE_INVALID', `${path} is not UTF-8 text. ${advice}`, { cause });
}
