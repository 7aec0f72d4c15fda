import { type Matrix, matrix } from '@freebind/core';
import { expect, test } from 'vitest';
import type { GoldenBackend } from './backends.ts';
import { expectClose, toleranceOf } from './compare.ts';
import { type GoldenEntry, readArray } from './folder.ts';

/** Tests how FreeBind mixes the heads of a parallel bond with the space's own rows, and gives the ids it read or compared. */
export function testMixture(entries: readonly GoldenEntry[], backends: readonly GoldenBackend[]): readonly string[] {
  const [embeddings, base, output] = ['expert_embs', 'base', 'output'].map((name) =>
    entries.find(({ id }) => id === `projectors/combine.${name}`),
  );
  if (embeddings === undefined || base === undefined || output === undefined) return [];
  test.for(backends)('golden heads are averaged, normalised and mixed on $name', async (backend, { skip }) => {
    if (backend.unavailable !== undefined) skip(backend.unavailable);
    const opened = await backend.open();
    try {
      const own = await readArray(base.file);
      const heads = splitHeads(await readArray(embeddings.file), own.rows);
      expect(heads).toHaveLength(14);
      const mean = await opened.combine(heads.map((rows) => ({ rows, factor: 1 / heads.length })));
      const factor = output.factor ?? Number.NaN;
      const mixed = await opened.combine([
        { rows: mean, factor },
        { rows: own, factor: 1 - factor },
      ]);
      const expected = await readArray(output.file);
      expectClose(mixed.data, expected.data, toleranceOf(output, backend.precision), output.id);
    } finally {
      await opened.close();
    }
  });
  return [embeddings.id, base.id, output.id];
}

/** The rows of each head from an array [rows, heads, d] that was read as [rows · heads, d]. */
function splitHeads({ rows, cols, data }: Matrix, items: number): readonly Matrix[] {
  const heads = rows / items;
  return Array.from({ length: heads }, (_, head) => {
    const own = matrix(items, cols);
    for (let item = 0; item < items; item++) {
      const start = (item * heads + head) * cols;
      own.data.set(data.subarray(start, start + cols), item * cols);
    }
    return own;
  });
}
