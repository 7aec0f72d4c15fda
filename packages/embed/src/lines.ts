import { createReadStream } from 'node:fs';
import { FreebindError } from '@freebind/core';
import { notUtf8 } from '@freebind/core/files';

/**
 * The lines of a UTF-8 file, without their `\n` or `\r\n`. Not `node:readline`: it also breaks lines at `\r` alone and at U+2028,
 * which texts may hold.
 *
 * @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID when it is not UTF-8
 */
export async function* linesOf(path: string): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  let start: Uint8Array = new Uint8Array();
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 18 })) {
      const bytes = chunk as Uint8Array; // of a stream without an encoding
      if (start.length === 0) start = bytes.slice(0, 2);
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield withoutReturn(line);
    }
    rest += decoder.decode();
  } catch (cause) {
    if (cause instanceof TypeError) throw notUtf8(path, start, cause);
    throw new FreebindError(
      'FREEBIND_FILE_MISSING',
      `${path} could not be read (${cause instanceof Error ? cause.message : String(cause)}). Check the path.`,
      { cause },
    );
  }
  if (rest !== '') yield withoutReturn(rest);
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}
