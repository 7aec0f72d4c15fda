import { describeSpace } from '@freebind/conformance/vitest';
import { freebind, sliceRows } from '@freebind/core';
import { expect, test, vi } from 'vitest';
import trigrams, { TrigramsSpace } from '../examples/space-custom/src/index.ts';

const printed = vi.hoisted(() => vi.spyOn(console, 'log').mockImplementation(() => undefined));

test('examples/space-custom finds words that look alike near each other', async () => {
  await using fb = await freebind({ plugins: [trigrams()] });
  const space = await fb.space('trigrams');
  const rows = await space.embed('text', ['acoustic', 'acoustics', 'bicycle']);
  const cosines = [0, 1, 2].map((r) =>
    Array.from(sliceRows(rows, r, r + 1).data).reduce((sum, x, c) => sum + x * (rows.data[c] ?? 0), 0),
  );
  expect(cosines[0]).toBeCloseTo(1, 6);
  expect(cosines[1]).toBeGreaterThan(0.5);
  expect(cosines[2]).toBeLessThan(0.2);
});

test('examples/bind-on-tables.ts finds more with the expert mixed in than without', async () => {
  await import('../examples/bind-on-tables.ts');
  const recalls = printed.mock.calls
    .flatMap(([line]) => /^factor .* ([\d.]+)$/.exec(String(line))?.[1] ?? [])
    .map(Number);
  expect(recalls).toHaveLength(4);
  expect(recalls[2]).toBeGreaterThan((recalls[0] ?? NaN) + 0.2);
});

describeSpace('the space of examples/space-custom', () => new TrigramsSpace());
