import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type RecordedResult, rewriteFigures } from '../src/figures.ts';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

async function recorded(): Promise<readonly RecordedResult[]> {
  const names = (await readdir(`${PACKAGE}results`)).filter((name) => name.endsWith('.json')).toSorted();
  // Written by results/record.mjs.
  return Promise.all(
    names.map(async (name) => JSON.parse(await readFile(`${PACKAGE}results/${name}`, 'utf8')) as RecordedResult),
  );
}

test('the README has the figures of the recorded runs', async () => {
  const readme = await readFile(`${PACKAGE}README.md`, 'utf8');
  const results = await recorded();
  expect(results.map(({ seed }) => seed)).toEqual([0, 1, 2]);
  expect(readme).toContain('| seed 0');
  expect(rewriteFigures(readme, results)).toBe(readme);
});

test('in every recorded run binding raises mean R@1 at least fivefold over U, beyond noise', async () => {
  for (const { rows } of await recorded()) {
    const [u, bound] = ['u', 'u+d+c'].map((id) => rows.find((row) => row.id === id && row.split === 'test'));
    expect(bound?.mean.value).toBeGreaterThan(5 * (u?.mean.value ?? NaN));
    expect(bound?.change?.mean.low).toBeGreaterThan(0);
  }
});
