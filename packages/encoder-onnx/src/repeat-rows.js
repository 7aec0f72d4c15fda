/**
 * Each row's numbers so many times, one behind the other.
 *
 * @param {Float32Array} data [rows, numbers]
 * @param {number} rows
 * @param {number} times
 * @param {Float32Array} out [rows, times, numbers]
 */
export function repeatRows(data, rows, times, out) {
  const width = data.length / rows;
  for (let r = 0; r < rows; r++) {
    const row = data.subarray(r * width, (r + 1) * width);
    for (let t = 0; t < times; t++) out.set(row, (r * times + t) * width);
  }
}
