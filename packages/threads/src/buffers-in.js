/**
 * Memory of the arrays in a value, which can move to another thread with it instead of being copied. Arrays that are a part of something
 * larger are left out, and so copied.
 *
 * @param {unknown} value
 * @returns {ArrayBuffer[]} each once
 */
export function buffersIn(value) {
  return [...new Set(wholeBuffers(value))];
}

/**
 * @param {unknown} value
 * @returns {Generator<ArrayBuffer, void, undefined>}
 */
function* wholeBuffers(value) {
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteLength } = value;
    if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && !Buffer.isBuffer(value)) yield buffer;
  } else if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) yield* wholeBuffers(part);
  }
}
