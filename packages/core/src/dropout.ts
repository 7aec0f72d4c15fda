import { hash32 } from './random.ts';

/**
 * Which entries a dropout layer keeps, as four short vectors, so that every backend drops the same entries and a resumed
 * run the same as an unbroken one, and no [rows, cols] mask crosses the boundary. All arithmetic is on 32-bit integers that wrap:
 *
 *     h(r, c) = (rowA[r] ^ colA[c]) · (rowB[r] ^ colB[c])        kept where h >= threshold, as signed integers
 *
 * The right factor is odd, so h is uniform wherever the left one is. Kept entries are divided by (1 − rate).
 */
export interface DropoutKeys {
  readonly rowA: Int32Array;
  readonly rowB: Int32Array;
  readonly colA: Int32Array;
  readonly colB: Int32Array;
  readonly threshold: number;
  /** 1 / (1 − rate). */
  readonly scale: number;
}

/**
 * Keys of one dropout layer in one step. `seed` is the step's (`StepInput.seed`), `run` the number of the network run in
 * the step (order of first use in the objective's pairs) and `layer` the number of the dropout layer within its network.
 */
export function dropoutKeys(options: {
  readonly seed: number;
  readonly run: number;
  readonly layer: number;
  readonly rows: number;
  readonly cols: number;
  readonly rate: number;
}): DropoutKeys {
  const { seed, run, layer, rows, cols, rate } = options;
  const stream = (name: string, length: number): Int32Array => {
    // splitmix32: a Weyl sequence through murmur3's finish; enough for keys, and cheap for thousands of columns a step.
    let state = hash32(seed, run, layer, name);
    return Int32Array.from({ length }, () => {
      state = (state + 0x9e3779b9) | 0;
      let h = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
      h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
      return h ^ (h >>> 16);
    });
  };
  return {
    rowA: stream('rowA', rows),
    rowB: stream('rowB', rows).map((x) => x & ~1),
    colA: stream('colA', cols),
    colB: stream('colB', cols).map((x) => x | 1),
    threshold: Math.round(rate * 2 ** 32) - 2 ** 31,
    scale: 1 / (1 - rate),
  };
}

/** Whether entry (row, col) is kept. */
export function isKept(keys: DropoutKeys, row: number, col: number): boolean {
  const a = (keys.rowA[row] ?? 0) ^ (keys.colA[col] ?? 0);
  const b = (keys.rowB[row] ?? 0) ^ (keys.colB[col] ?? 0);
  return Math.imul(a, b) >= keys.threshold;
}
