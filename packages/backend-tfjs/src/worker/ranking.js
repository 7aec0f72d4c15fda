/**
 * The min(k, m) highest of each row of `scores` [n, m], best first; equal scores keep the lower index. TensorFlow.js has a TopK
 * kernel, but on wasm it makes a list of pairs of every row, 200 ns a score, and it ranks NaN.
 *
 * @param {import('../worker-protocol.ts').Packed} scores
 * @param {number} k
 * @returns {import('../worker-protocol.ts').Answer}
 */
export function rankRows({ shape: [rows = 0, cols = 0], data }, k) {
  const width = Math.min(k, cols);
  const best = new Float32Array(rows * width);
  const indices = new Int32Array(rows * width);
  for (let r = 0; r < rows; r++) {
    const row = data.subarray(r * cols, (r + 1) * cols);
    const nan = row.findIndex(Number.isNaN);
    if (nan >= 0) return { unranked: [r, nan] };
    const ranking = width > 64 ? sorted(row, width) : inserted(row, width);
    indices.set(ranking, r * width);
    for (let i = 0; i < width; i++) best[r * width + i] = row[ranking[i] ?? 0] ?? 0;
  }
  return {
    outputs: { scores: { shape: [rows, width], data: best }, indices: { shape: [rows, width], data: indices } },
  };
}

/** For short rankings: most scores fail one comparison. @param {Float32Array | Int32Array} row @param {number} width */
function inserted(row, width) {
  const ranking = new Int32Array(width);
  let [count, least] = [0, -Infinity];
  for (let c = 0; c < row.length; c++) {
    const score = row[c] ?? 0;
    if (count === width && score <= least) continue;
    let place = count < width ? count++ : width - 1;
    for (; place > 0 && score > (row[ranking[place - 1] ?? 0] ?? 0); place--) ranking[place] = ranking[place - 1] ?? 0;
    ranking[place] = c;
    least = row[ranking[count - 1] ?? 0] ?? 0;
  }
  return ranking;
}

/** @param {Float32Array | Int32Array} row @param {number} width */
function sorted(row, width) {
  const order = Int32Array.from(row, (_, c) => c).sort((a, b) => (row[b] ?? 0) - (row[a] ?? 0) || a - b);
  return order.subarray(0, width);
}
