import { openNpy } from '@freebind/core/files';

/** All rows of a `.npy` file as numbers. */
export async function readRows(path: string): Promise<readonly (readonly number[])[]> {
  const table = await openNpy(path);
  try {
    const { rows, cols, data } = await table.read(0, table.rows);
    return Array.from({ length: rows }, (_, r) => Array.from(data.subarray(r * cols, (r + 1) * cols)));
  } finally {
    await table.close();
  }
}
