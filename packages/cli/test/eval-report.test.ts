import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { documentOf, freebind, numpy, suiteScratch } from './freebind.ts';

const RECIPE = 'unified + c(sound)';
const dir = suiteScratch();
const [bonds, splits] = [join(dir, 'bonds'), join(dir, 'splits.json')];
const even = Array.from({ length: 16 }, (_, i) => 2 * i);

beforeAll(async () => {
  const config = join(dir, 'freebind.config.json');
  const train = { recipe: RECIPE, heads: ['mix', 'A'], batch: 16, hidden: 24, epochs: 4 };
  writeFileSync(config, JSON.stringify({ tables: numpy('pool'), bonds, seed: 3, train }));
  writeFileSync(splits, JSON.stringify({ val: even, test: even.map((row) => row + 1), overlap: [1, 4, 6] }));
  const outcome = await freebind(['train', config, '--quiet']);
  if (outcome.status !== 0) throw new Error(outcome.stderr);
});

const tables = ['--tables', numpy('paired')];
const bound = ['eval', '--recipe', RECIPE, '--bonds', bonds, ...tables, '--rows', `${splits}:test`];

describe('eval --report', () => {
  test('writes a page of a bound space beside its controls, and the same as JSON', async () => {
    const page = join(dir, 'report.html');
    const outcome = await freebind([...bound, '--validation', `${splits}:val`, '--report', page, '--json']);
    expect(outcome.stderr).toBe('');
    const result = documentOf(outcome) as {
      readonly rows: readonly { readonly id: string; readonly mean: readonly { readonly value: number }[] }[];
      readonly forgetting: readonly { readonly bond: string }[];
    };
    expect(result.rows.map(({ id }) => id)).toEqual(['base', 'bound', 'expert sound', 'score-mixing', 'one-head']);
    expect(result.forgetting).toHaveLength(6);
    const html = readFileSync(page, 'utf8');
    expect(html).toContain("default-src 'none'");
    for (const { id } of result.rows) expect(html).toContain(`data-row="${id}"`);
    const bound1 = 100 * (result.rows[1]?.mean[0]?.value ?? Number.NaN);
    expect(html).toContain(`<b>${bound1.toFixed(1)}</b>`);
    // It is not replaced unless told.
    expect((await freebind([...bound, '--report', page])).stderr).toContain('FREEBIND_OUTPUT_EXISTS');
  });

  test('finds evaluated items among those that were trained on, by id', async () => {
    const outcome = await freebind([...bound, '--trained', `${splits}:overlap`]);
    // Row 1 of three modalities.
    expect(outcome.stdout).toContain('Evaluated items are in the training pools, 3 by id');
  });

  test('refuses shares chosen on what is evaluated, a space that is not there, and a report of two files', async () => {
    const shared = await freebind([...bound, '--validation', `${splits}:overlap`]);
    expect([shared.status, shared.stderr]).toEqual([1, expect.stringContaining('FREEBIND_ARGUMENT_INVALID')]);
    const beside = await freebind([...bound, '--beside', 'nobody']);
    expect(beside.stderr).toContain('FREEBIND_SPACE_UNKNOWN');
    const page = join(dir, 'none.html');
    const files = await freebind(['eval', '--queries', 'a.npy', '--gallery', 'b.npy', '--report', page]);
    expect([files.status, existsSync(page)]).toEqual([2, false]);
  });
});
