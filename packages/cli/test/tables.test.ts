import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { documentOf, freebind, numpy, scratch } from './freebind.ts';
import { readRows } from './read-rows.ts';

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
}

type Rows = readonly (readonly number[])[];

function unitRow(row: readonly number[]): readonly number[] {
  const length = Math.hypot(...row);
  return row.map((x) => x / length);
}

/** softmax(q · kᵀ / τ) · v in float64, straight from the formula. */
function average(queries: Rows, keys: Rows, values: Rows, temperature: number): Rows {
  return queries.map((query) => {
    const scores = keys.map((key) => dot(query, key) / temperature);
    const highest = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - highest));
    const total = weights.reduce((a, b) => a + b, 0);
    return (values[0] ?? []).map(
      (_, c) =>
        dot(
          weights,
          values.map((row) => row[c] ?? NaN),
        ) / total,
    );
  });
}

/** Equal up to float32: sums of some hundred products of numbers of at most 1, and logits of at most some hundred, rounded. */
function expectClose(found: Rows, expected: Rows): void {
  expect(found.length).toBe(expected.length);
  const errors = found.flatMap((row, r) => row.map((x, c) => Math.abs(x - (expected[r]?.[c] ?? NaN))));
  expect(Math.max(...errors)).toBeLessThan(1e-4);
}

describe('aggregate', () => {
  const files = {
    queries: numpy('paired/unified.audio.npy'),
    keys: numpy('pool/unified.text.npy'),
    values: numpy('pool/vision.text.npy'),
  };
  const args = (out: string): readonly string[] => [
    'aggregate',
    '--queries',
    files.queries,
    '--keys',
    files.keys,
    '--values',
    files.values,
    '--out',
    out,
  ];

  test("gives softmax(q · kᵀ / τ) · v of NumPy's files", async () => {
    const out = join(scratch(), 'z.npy');
    const outcome = await freebind([...args(out), '--temperature', '0.05', '--no-normalise', '--json']);
    expect(documentOf(outcome)).toMatchObject({ out, shape: [32, 12], bankRows: 96, normalised: false });
    const [queries, keys, values] = [
      await readRows(files.queries),
      await readRows(files.keys),
      await readRows(files.values),
    ];
    expectClose(await readRows(out), average(queries, keys, values, 0.05));
  });

  test.each(['z.safetensors', 'z.txt', 'z'])('refuses to write its .npy as %s', async (name) => {
    const out = join(scratch(), name);
    const { status, stderr } = await freebind(args(out));
    expect([status, stderr]).toEqual([1, expect.stringContaining('FREEBIND_ARGUMENT_INVALID')]);
    expect(stderr).toContain('call it NAME.npy');
    expect(existsSync(out)).toBe(false);
  });

  test('says that a file stands where a folder was to be', async () => {
    const file = join(scratch(), 'file.npy');
    writeFileSync(file, '');
    expect((await freebind(args(join(file, 'z.npy')))).stderr).toContain('a part of the path is a file, not a folder');
  });

  test('gives unit rows unless told otherwise', async () => {
    const out = join(scratch(), 'z.npy');
    await freebind(args(out));
    for (const row of await readRows(out)) expect(Math.hypot(...row)).toBeCloseTo(1, 6);
  });

  test.each([
    ['fortran.npy', 'FREEBIND_FILE_INVALID', 'Fortran order'],
    ['big-endian.npy', 'FREEBIND_FILE_INVALID', '>f4'],
    ['integers.npy', 'FREEBIND_FILE_INVALID', '<i4'],
    ['truncated.npy', 'FREEBIND_FILE_INVALID', 'cut short'],
    ['nan.npy', 'FREEBIND_NUMBER_INVALID', 'Row 3'],
    ['zero.npy', 'FREEBIND_NUMBER_INVALID', 'Row 2'],
  ])('refuses %s and writes nothing', async (name, code, words) => {
    const out = join(scratch(), 'z.npy');
    const outcome = await freebind([
      'aggregate',
      '--queries',
      numpy(`bad/${name}`),
      '--keys',
      files.keys,
      '--out',
      out,
    ]);
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toMatch(new RegExp(`^error ${code}: [^\\n]*${words}[^\\n]*\\n$`));
    expect(existsSync(out)).toBe(false);
  });

  test('uses rows of any length as they are, says so, and divides them when told to', async () => {
    const dir = scratch();
    const [plain, unit] = [join(dir, 'plain.npy'), join(dir, 'unit.npy')];
    const latents = numpy('latents/pixels.image.npy');
    const command = ['aggregate', '--queries', latents, '--keys', latents, '--temperature', '1'];
    expect((await freebind([...command, '--out', plain])).stderr).toMatch(/rows are not of length 1.*--unit/);
    expect((await freebind([...command, '--out', unit, '--unit'])).stderr).toBe('');
    const given = await readRows(latents);
    const divided = given.map(unitRow);
    expectClose(await readRows(plain), average(given, given, given, 1).map(unitRow));
    expectClose(await readRows(unit), average(divided, divided, divided, 1).map(unitRow));
  });
});

describe('eval', () => {
  test('tells both directions with chance and intervals', async () => {
    const args = [
      'eval',
      '--queries',
      numpy('paired/unified.audio.npy'),
      '--gallery',
      numpy('paired/unified.image.npy'),
    ];
    const report = documentOf(await freebind([...args, '--json']));
    const scores = {
      queries: 32,
      items: 32,
      recall: [1, 5, 10].map((k) => ({ k, chance: expect.closeTo(k / 32, 9), interval: { level: 0.95 } })),
    };
    expect(report).toMatchObject({ queryToItem: scores, itemToQuery: scores });
    const { stdout } = await freebind(args);
    expect(stdout).toMatch(/query → gallery +32 +32 +[\d.]+ \[[\d.]+, [\d.]+\]/);
    expect(stdout).toMatch(/by chance +3\.1 +15\.6 +31\.3/);
  });

  test('counts an item as found with any of its captions', async () => {
    const files = ['--queries', numpy('captions/texts.npy'), '--gallery', numpy('captions/items.npy')];
    const outcome = await freebind(['eval', ...files, '--pairs', numpy('captions/pairs.json'), '--json']);
    expect(documentOf(outcome)).toMatchObject({
      queryToItem: { queries: 36, items: 12 },
      itemToQuery: { queries: 12, items: 36 },
    });
    const unpaired = await freebind(['eval', ...files]);
    expect(unpaired.stderr).toContain('FREEBIND_ROWS_MISALIGNED');
  });

  test('evaluates every two modalities of a space, on chosen rows', async () => {
    const dir = scratch();
    const splits = join(dir, 'splits.json');
    writeFileSync(splits, JSON.stringify({ test: [3, 1, 4, 15, 9, 2, 6, 5], again: [3, 1, 4, 1, 5] }));
    const args = ['eval', '--tables', numpy('paired'), '--space', 'unified', '--json'];
    const report = documentOf(await freebind([...args, '--rows', `${splits}:test`]));
    expect(report).toMatchObject({
      space: 'unified',
      directions: ['audio→image', 'audio→text', 'image→audio', 'image→text', 'text→audio', 'text→image'].map(
        (direction) => ({ direction, items: 8 }),
      ),
      mean: [1, 5, 8].map((k, i) => ({ k: [1, 5, 10][i], chance: expect.closeTo(k / 8, 9) })),
    });
    const unknown = await freebind([...args, '--rows', `${splits}:tset`]);
    expect(documentOf(unknown)).toMatchObject({ error: { code: 'FREEBIND_FILE_INVALID' } });
    expect(unknown.stderr).toContain('its keys are test, again');
    expect((await freebind([...args, '--rows', `${splits}:again`])).stderr).toContain('names row 1 twice');
  });

  test('refuses a folder whose ids are not one a row', async () => {
    const dir = scratch();
    for (const modality of ['audio', 'image'])
      cpSync(numpy(`paired/unified.${modality}.npy`), join(dir, `unified.${modality}.npy`));
    writeFileSync(join(dir, 'audio.ids.txt'), 'one\n');
    expect((await freebind(['eval', '--tables', dir])).stderr).toMatch(/FREEBIND_ROWS_MISALIGNED.* has 1 ids/);
  });

  test('asks which space where a folder has several', async () => {
    const { stderr } = await freebind(['eval', '--tables', numpy('paired')]);
    expect(stderr).toMatch(/FREEBIND_ARGUMENT_INVALID.*"sound", "unified", "vision".*--space/);
  });
});

describe('inspect', () => {
  test.each([
    [
      'paired/vision.text.npy',
      { kind: 'table', dtype: 'f2', shape: [32, 12], space: 'vision', modality: 'text', rows: 'all of length 1' },
    ],
    ['pool/sound.audio.npy', { kind: 'table', dtype: 'f8', shape: [80, 10] }],
    ['bad/nan.npy', { kind: 'table', rows: 'row 3 holds NaN' }],
    ['pool', { kind: 'tables', spaces: { unified: { audio: [80, 16], image: [90, 16], text: [96, 16] } } }],
  ])('tells what %s is', async (path, expected) => {
    expect(documentOf(await freebind(['inspect', numpy(path), '--json']))).toMatchObject(expected);
  });

  test('tells recipes and configs from each other', async () => {
    const dir = scratch();
    const [recipe, config] = [join(dir, 'recipe.json'), join(dir, 'freebind.config.json')];
    const step = { kind: 'combination', experts: ['sound'], factors: { audio: 0.5 } };
    writeFileSync(recipe, JSON.stringify({ base: 'unified', steps: [step] }));
    writeFileSync(config, JSON.stringify({ tables: 'tables', train: { recipe: 'unified + c(sound)' } }));
    expect(documentOf(await freebind(['inspect', recipe, '--json']))).toMatchObject({
      kind: 'recipe',
      recipe: 'unified + c(sound){audio=0.5}',
    });
    expect(documentOf(await freebind(['inspect', config, '--json']))).toMatchObject({
      kind: 'config',
      tables: join(dir, 'tables'),
    });
  });

  test('prints the same for people', async () => {
    const { stdout } = await freebind(['inspect', numpy('paired/vision.text.npy')]);
    expect(stdout).toMatch(/^dtype +f2$/m);
    expect(stdout).toMatch(/^shape +\[32, 12\]$/m);
  });

  test('refuses a folder whose rows are not aligned', async () => {
    const dir = scratch();
    cpSync(numpy('pool/unified.text.npy'), join(dir, 'unified.text.npy'));
    cpSync(numpy('paired/vision.text.npy'), join(dir, 'vision.text.npy'));
    expect((await freebind(['inspect', dir])).stderr).toContain('FREEBIND_ROWS_MISALIGNED');
  });
});
