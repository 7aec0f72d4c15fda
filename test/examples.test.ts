import { describeSpace } from '@freebind/conformance/vitest';
import { expect, test, vi } from 'vitest';
import { TrigramSpace } from '../examples/custom-space.ts';

const printed = vi.hoisted(() => vi.spyOn(console, 'log').mockImplementation(() => undefined));

test('examples/custom-space.ts finds words that look alike near each other', async () => {
  const { cosines } = await import('../examples/custom-space.ts');
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

describeSpace('the space of examples/custom-space.ts', () => new TrigramSpace());
