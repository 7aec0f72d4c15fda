import { createReadStream } from 'node:fs';
import { FreebindError } from '@freebind/core';

/**
 * The lines of a UTF-8 file, without their `\n` or `\r\n`. Not `node:readline`: it also breaks lines at `\r` alone and at U+2028,
 * which texts may hold.
 *
 * @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID when it is not UTF-8
 */
export async function* linesOf(path: string): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 18 })) {
      // A stream without an encoding gives bytes.
      const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield withoutReturn(line);
    }
    rest += decoder.decode();
  } catch (cause) {
    if (cause instanceof TypeError) {
      throw new FreebindError(
        'FREEBIND_FILE_INVALID',
        `${path} is not UTF-8 text. Convert it: iconv -f latin1 -t utf-8.`,
        { cause },
      );
    }
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
