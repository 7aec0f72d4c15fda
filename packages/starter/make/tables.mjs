// Tables on disk as float16 .npy, and how far two of them are apart.
import { join } from 'node:path';
import { createNpy, openNpy } from '@freebind/core/files';

export async function writeTable(folder, name, rows) {
  const cols = rows[0].length;
  const writer = await createNpy(join(folder, `${name}.npy`), { cols, dtype: 'f2' });
  const data = new Float32Array(rows.length * cols);
  rows.forEach((row, i) => data.set(row, i * cols));
  await writer.append({ rows: rows.length, cols, data });
  await writer.commit();
}

/** One line a table: the mean and the worst cosine between equal rows of the two. */
export async function compareTables(shipped, fresh, names) {
  const lines = [];
  for (const name of names) {
    const tables = await Promise.all([shipped, fresh].map((folder) => openNpy(join(folder, `${name}.npy`))));
    const [a, b] = await Promise.all(tables.map((table) => table.read(0, table.rows)));
    let [sum, worst] = [0, 1];
    for (let r = 0; r < a.rows; r++) {
      let [ab, aa, bb] = [0, 0, 0];
      for (let c = r * a.cols; c < (r + 1) * a.cols; c++) {
        ab += a.data[c] * b.data[c];
        aa += a.data[c] ** 2;
        bb += b.data[c] ** 2;
      }
      const cosine = ab / Math.sqrt(aa * bb);
      sum += cosine;
      worst = Math.min(worst, cosine);
    }
    lines.push(
      `${name}: cosine to the shipped rows ${(sum / a.rows).toFixed(6)} on average, ${worst.toFixed(6)} at worst`,
    );
    await Promise.all(tables.map((table) => table.close()));
  }
  return lines;
}
