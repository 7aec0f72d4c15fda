import type { Feed } from './contract.ts';

type Tensors = Readonly<Record<string, Feed>>;

/** The number of rows of tensors that are one below the other. */
export function rowsOf(feeds: Tensors): number {
  return Object.values(feeds)[0]?.dims[0] ?? 0;
}

/** Tensors in pieces of exactly `size` rows; the last piece is filled up with its last row. */
export function windowsOf(feeds: Tensors, size: number): readonly Tensors[] {
  const total = rowsOf(feeds);
  return Array.from({ length: Math.ceil(total / size) }, (_, w) => {
    const pieces = Object.entries(feeds).map(([name, feed]) => {
      const { dims, data } = feed;
      const width = data.length / total;
      const filled = likeOf(data, size * width);
      for (let r = 0; r < size; r++) {
        const row = Math.min(w * size + r, total - 1);
        // The kinds of the two are the same.
        (filled as Float32Array).set(data.subarray(row * width, (row + 1) * width) as Float32Array, r * width);
      }
      return [name, { ...feed, dims: [size, ...dims.slice(1)], data: filled }] as const;
    });
    return Object.fromEntries(pieces);
  });
}

/** Memory for numbers of the same kind. */
export function likeOf(data: Feed['data'], length: number): Feed['data'] {
  if (data instanceof Float32Array) return new Float32Array(length);
  return data instanceof BigInt64Array ? new BigInt64Array(length) : new Uint8Array(length);
}
