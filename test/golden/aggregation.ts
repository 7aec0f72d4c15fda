import { type Matrix, normaliseRows, tableOf } from '@freebind/core';
import { describe, expect, test } from 'vitest';
import type { GoldenBackend } from './backends.ts';
import { expectClose, toleranceOf } from './compare.ts';
import { type GoldenEntry, readArray } from './folder.ts';

/** Tests the aggregates of pseudo pairs on every backend, and gives the ids it read or compared. */
export function testAggregation(
  entries: readonly GoldenEntry[],
  backends: readonly GoldenBackend[],
): readonly string[] {
  const inputs = ['queries', 'keys', 'values'].flatMap((name) =>
    entries.filter(({ id }) => id === `training/pseudo.${name}`),
  );
  const results = entries.filter(({ id }) => /^training\/pseudo\.f(32|64)\.(raw|normalized)$/.test(id));
  const [queries, keys, values] = inputs;
  if (queries === undefined || keys === undefined || values === undefined) return [];

  describe.each(backends)('the golden aggregates on $name', (backend) => {
    test.for(results)('gives the numbers of $id', async (entry, { skip }) => {
      if (backend.unavailable !== undefined) skip(backend.unavailable);
      expect.hasAssertions();
      const opened = await backend.open();
      try {
        // The golden float32 aggregates were made from inputs rounded to float32, as the manifest says.
        const read = async ({ file }: GoldenEntry): Promise<Matrix> => {
          const m = await readArray(file);
          return entry.id.includes('.f32.') ? { ...m, data: Float32Array.from(m.data) } : m;
        };
        const bank = await opened.openBank({ keys: tableOf(await read(keys)), values: tableOf(await read(values)) });
        const aggregates = await bank.aggregate(await read(queries), entry.tau ?? NaN);
        if (entry.id.endsWith('.normalized')) normaliseRows(aggregates);
        const expected = await readArray(entry.file);
        expectClose(aggregates.data, expected.data, pseudoTolerance(entry, results, backend.precision), entry.id);
      } finally {
        await opened.close();
      }
    });
  });
  return [...inputs, ...results].map(({ id }) => id);
}

/** Each precision has an entry with a tolerance of its own; where float32 has a part, the float32 entry's holds. */
function pseudoTolerance(
  entry: GoldenEntry,
  results: readonly GoldenEntry[],
  precision: 'float32' | 'float64',
): ReturnType<typeof toleranceOf> {
  const stated = precision === 'float64' ? entry : results.find(({ id }) => id === entry.id.replace('.f64.', '.f32.'));
  return toleranceOf(stated ?? entry, precision);
}
