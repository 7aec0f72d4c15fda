/**
 * The mask of rows `start` to `end` (exclusive) of one dropout layer, [end − start, cols]: `scale` where an entry is kept, 0 where
 * it falls. The rule is `isKept` of core's `dropout.ts`: 32-bit integers that wrap, which no kernel of TensorFlow.js has.
 *
 * @param {import('./runtimes.js').Engine} engine
 * @param {Readonly<Record<'rowA' | 'rowB' | 'colA' | 'colB', Int32Array>>} keys
 * @param {Readonly<Record<string, unknown>>} attributes
 * @returns {import('@tensorflow/tfjs-core').Tensor}
 */
export function dropoutMask(engine, { rowA, rowB, colA, colB }, { threshold, scale, start, end }) {
  const [first, cols] = [Number(start), colA.length];
  const rows = Number(end) - first;
  const [least, kept] = [Number(threshold), Number(scale)];
  const mask = new Float32Array(rows * cols);
  for (let r = 0, i = 0; r < rows; r++) {
    const [a, b] = [rowA[first + r] ?? 0, rowB[first + r] ?? 0];
    for (let c = 0; c < cols; c++, i++) if (Math.imul(a ^ (colA[c] ?? 0), b ^ (colB[c] ?? 0)) >= least) mask[i] = kept;
  }
  return engine.tensor(mask, [rows, cols], 'float32');
}
