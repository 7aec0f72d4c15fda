/** @typedef {import('@tensorflow/tfjs-core').KernelConfig} KernelConfig */
/** @typedef {{ readonly dataId: object, readonly shape: number[], readonly dtype: 'float32' }} Info */

/** Side of the squares in which a matrix is transposed: two of 64 × 64 numbers fill a first-level cache. */
const SQUARE = 64;

/**
 * Kernels of tfjs-backend-wasm that are written over the whole heap for freebind's matrices, where tfjs's own are slow.
 * Others come from tfjs as they are.
 *
 * @param {(kernel: string) => KernelConfig} original
 * @returns {readonly KernelConfig[]}
 */
export function wasmKernels(original) {
  const [slice, transpose] = [original('Slice'), original('Transpose')];
  return [
    {
      ...transpose,
      // tfjs writes one number of every row in turn, each into another line of the cache: five to ten times as long.
      kernelFunc: (params) => {
        const { inputs, backend, attrs } = /** @type {any} */ (params);
        const [rows, cols] = inputs.x.shape;
        if (inputs.x.shape.length !== 2 || attrs.perm[0] !== 1 || rows === 1 || cols === 1)
          return transpose.kernelFunc(params);
        const out = backend.makeOutput([cols, rows], 'float32');
        transposeInto(backend.typedArrayFromHeap(inputs.x), rows, cols, backend.typedArrayFromHeap(out));
        return out;
      },
    },
    {
      ...slice,
      // tfjs copies the whole tensor out of the heap first, to take a few rows of it.
      kernelFunc: (params) => {
        const { inputs, backend, attrs } = /** @type {any} */ (params);
        const [, cols] = inputs.x.shape;
        const { begin, size } = attrs;
        if (inputs.x.shape.length !== 2 || size[1] !== cols) return slice.kernelFunc(params);
        const out = backend.makeOutput(size, 'float32');
        const from = backend.typedArrayFromHeap(inputs.x);
        backend.typedArrayFromHeap(out).set(from.subarray(begin[0] * cols, (begin[0] + size[0]) * cols));
        return out;
      },
    },
  ];
}

/** xᵀ of x [rows, cols]. @param {Float32Array} x @param {number} rows @param {number} cols @param {Float32Array} out */
function transposeInto(x, rows, cols, out) {
  for (let top = 0; top < rows; top += SQUARE) {
    const bottom = Math.min(top + SQUARE, rows);
    for (let left = 0; left < cols; left += SQUARE) {
      const right = Math.min(left + SQUARE, cols);
      for (let c = left; c < right; c++) {
        for (let r = top, from = top * cols + c, to = c * rows + top; r < bottom; r++, from += cols, to++)
          out[to] = x[from] ?? 0;
      }
    }
  }
}
