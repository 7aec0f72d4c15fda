import type { Packed } from './worker-protocol.ts';

/** The best `width` of every query, query by query. */
export interface Ranking {
  readonly scores: Float32Array;
  readonly indices: Int32Array;
  readonly width: number;
}

/**
 * Merges the best of a tile, for queries from `row` on, into what tiles before row `start` of the bank gave. Those come from
 * earlier rows, so they go first where scores are equal.
 */
export function mergerInto({
  scores,
  indices,
  width,
}: Ranking): (tile: { readonly scores: Packed; readonly indices: Packed }, row: number, start: number) => void {
  const before = { scores: new Float32Array(width), indices: new Int32Array(width) };
  return (tile, row, start) => {
    const [rows = 0, found = 0] = tile.scores.shape;
    const known = Math.min(width, start);
    for (let r = 0; r < rows; r++) {
      const at = (row + r) * width;
      before.scores.set(scores.subarray(at, at + known));
      before.indices.set(indices.subarray(at, at + known));
      for (let to = 0, i = 0, j = 0; to < width && (i < known || j < found); to++) {
        const next = tile.scores.data[r * found + j] ?? 0;
        if (i >= known || (j < found && next > (before.scores[i] ?? 0))) {
          scores[at + to] = next;
          indices[at + to] = start + (tile.indices.data[r * found + j++] ?? 0);
        } else {
          scores[at + to] = before.scores[i] ?? 0;
          indices[at + to] = before.indices[i++] ?? 0;
        }
      }
    }
  };
}
