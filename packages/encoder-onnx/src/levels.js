/**
 * The number of each byte of a plane, from a table of 256. Four bytes are read at a time, which takes two thirds of the time.
 *
 * @param {Uint8Array} bytes
 * @param {Float32Array} table
 * @param {Float32Array} out of the same length
 */
export function lookUp(bytes, table, out) {
  const words = bytes.byteOffset % 4 === 0 ? Math.floor(bytes.length / 4) : 0;
  const four = new Uint32Array(bytes.buffer, words === 0 ? 0 : bytes.byteOffset, words);
  for (let w = 0, i = 0; w < words; w++, i += 4) {
    // Little-endian, as everything that runs Node.
    const word = four[w] ?? 0;
    out[i] = table[word & 255] ?? 0;
    out[i + 1] = table[(word >>> 8) & 255] ?? 0;
    out[i + 2] = table[(word >>> 16) & 255] ?? 0;
    out[i + 3] = table[word >>> 24] ?? 0;
  }
  for (let i = 4 * words; i < bytes.length; i++) out[i] = table[bytes[i] ?? 0] ?? 0;
}
