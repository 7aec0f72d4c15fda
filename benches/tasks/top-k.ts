import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { openNpy, writeNpy } from '@freebind/core/files';
import type { BackendTask } from '../task.ts';
import { unitRowsOf } from './inputs.ts';

const PIECE = 4096; // rows

/** Exact nearest rows out of a table of float16 rows on disk, which the peer reads from the same file. */
export const topK: BackendTask<{ queries: number; rows: number; width: number; k: number }> = {
  name: 'top-k',
  sizes: [
    { queries: 256, rows: 1_000_000, width: 1024, k: 100 },
    { queries: 64, rows: 50_000, width: 512, k: 100 },
    { queries: 64, rows: 8192, width: 256, k: 100 },
  ],
  peer: 'faiss_flat',
  operations: ({ queries, rows, width }) => 2 * queries * rows * width,
  describe: ({ queries, rows, width, k }) => `top ${k} of ${rows} × ${width} float16 rows, ${queries} queries`,
  async prepare({ queries, rows, width }, folder) {
    const files = { rows: join(folder, `${rows}-${width}.npy`), queries: join(folder, `${queries}-${width}.npy`) };
    if ((await stat(files.queries).catch(() => undefined)) === undefined) {
      await pipeline(Readable.from(halves(rows, width)), createWriteStream(files.rows));
      await writeNpy(files.queries, unitRowsOf(queries, width, 'queries'));
    }
    return files;
  },
  async open(backend, { k }, { files }) {
    const [bank, queries] = [await openNpy(files['rows'] ?? ''), await openNpy(files['queries'] ?? '')];
    const given = await queries.read(0, queries.rows);
    await queries.close();
    const runner = await backend.openBank({ keys: bank });
    return {
      run: async () => {
        const { scores } = await runner.topK(given, k);
        return Array.from(scores.data).reduce((sum, score) => sum + score, 0);
      },
      close: async () => {
        await runner.close();
        await bank.close();
      },
    };
  },
};

/** A .npy file of random numbers of either sign in [2⁻⁶, 2⁻⁵), drawn as bits, since a thousand million normals take minutes. */
function* halves(rows: number, width: number): Generator<Uint8Array> {
  const header = `{'descr': '<f2', 'fortran_order': False, 'shape': (${rows}, ${width}), }`;
  // NumPy's format 1.0: magic, version, length of the header, which is padded so that the numbers begin at a multiple of 64.
  const text = `${header.padEnd(64 * Math.ceil((header.length + 11) / 64) - 11)}\n`;
  yield Uint8Array.from([0x93, ...Buffer.from('NUMPY'), 1, 0, text.length & 255, text.length >> 8]);
  yield Buffer.from(text, 'latin1');
  let state = 0x9e3779b9;
  for (let start = 0; start < rows; start += PIECE) {
    const piece = new Uint16Array(Math.min(PIECE, rows - start) * width);
    for (let i = 0; i < piece.length; i++) {
      // Marsaglia's xorshift32: sign and mantissa are ten and one of its bits, the exponent is fixed.
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      piece[i] = (state & 0x83ff) | (9 << 10);
    }
    yield new Uint8Array(piece.buffer);
  }
}
