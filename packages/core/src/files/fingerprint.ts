import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Table } from '../table.ts';
import { readError } from './ranged-file.ts';
import { tilesOf } from './tiles.ts';

/**
 * `sha256:…` of a file's bytes, or of a table's shape and numbers, read in parts. Of a table it is the same for every file
 * that gives the same float32 (or float64) numbers, so f2 rows and their f4 copy have one fingerprint.
 *
 * @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID
 */
export async function fingerprint(of: string | Table): Promise<string> {
  const hash = createHash('sha256');
  if (typeof of === 'string') {
    try {
      for await (const chunk of createReadStream(of, { highWaterMark: 2 ** 20 })) hash.update(chunk);
    } catch (error) {
      throw readError(of, error);
    }
  } else {
    hash.update(`${of.rows} ${of.cols}\n`);
    for await (const { rows } of tilesOf(of)) hash.update(rows.data);
  }
  return `sha256:${hash.digest('hex')}`;
}
