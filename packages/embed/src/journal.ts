import { createReadStream } from 'node:fs';
import { crc32 } from 'node:zlib';

/** What one chunk of inputs became, as a line of the journal has it. */
export interface Entry {
  readonly items: number;
  readonly rows: number;
  readonly skipped: number;
  /** Bytes of the chunk's piece in each column, and their CRC-32. */
  readonly bytes: readonly number[];
  readonly sums: readonly number[];
}

/** A line of the journal: the checksum of what follows, and the entry as JSON. */
export function lineOf(entry: Entry): string {
  const json = JSON.stringify(entry);
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;
}

/** The entries of a journal in order, up to the first line that is not whole, and where each line ends in the file. None where there is no journal. */
export async function* readEntries(
  path: string,
): AsyncGenerator<{ readonly entry: Entry; readonly end: number }, void, undefined> {
  let rest = '';
  let end = 0;
  try {
    // Lines are ASCII; latin1 keeps a damaged byte one character.
    for await (const chunk of createReadStream(path, { encoding: 'latin1' })) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        end += line.length + 1;
        const entry = parseLine(line);
        if (entry === undefined) return;
        yield { entry, end };
      }
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
}

function parseLine(line: string): Entry | undefined {
  const [, sum = '', json = ''] = /^([0-9a-f]{8}) (.*)$/.exec(line) ?? [];
  if (crc32(json) !== Number.parseInt(sum, 16)) return undefined;
  // The checksum says that these are the bytes that were written, and `lineOf` writes entries only.
  return JSON.parse(json) as Entry;
}
