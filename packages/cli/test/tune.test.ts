import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { documentOf, freebind, numpy, scratch, suiteScratch } from './freebind.ts';

const RECIPE = 'unified + c(sound)';
const dir = suiteScratch();
const [bonds, splits] = [join(dir, 'bonds'), join(dir, 'splits.json')];
const even = Array.from({ length: 16 }, (_, i) => 2 * i);

beforeAll(async () => {
  const config = join(dir, 'freebind.config.json');
  const train = { recipe: RECIPE, heads: ['mix'], batch: 16, hidden: 24, epochs: 8 };
  writeFileSync(config, JSON.stringify({ tables: numpy('pool'), bonds, seed: 3, train }));
  writeFileSync(splits, JSON.stringify({ val: even, test: even.map((row) => row + 1), overlap: [1, 4, 6] }));
  const outcome = await freebind(['train', config, '--quiet']);
  if (outcome.status !== 0) throw new Error(outcome.stderr);
});

const args = (...more: readonly string[]): readonly string[] => [
  'tune',
  RECIPE,
  '--tables',
  numpy('paired'),
  '--bonds',
  bonds,
  '--steps',
  '5',
  ...more,
];
const validated = (...more: readonly string[]): readonly string[] => args('--validation', `${splits}:val`, ...more);

describe('tune', () => {
  test('writes the chosen factors into a recipe that compose takes, and that measures as it says', async () => {
    const out = join(scratch(), 'made', 'tuned.json');
    const outcome = await freebind(validated('--test', `${splits}:test`, '--out', out, '--preset', 'mine', '--json'));
    expect(outcome.stderr).toBe('');
    const result = documentOf(outcome) as { best: { factors: object; values: Record<string, number> } };
    expect(result).toMatchObject({ out, items: 16, k: 1, preset: 'mine', candidates: [{ recipe: RECIPE }] });
    expect(JSON.parse(readFileSync(out, 'utf8'))).toEqual({
      base: 'unified',
      steps: [{ kind: 'combination', experts: ['sound'] }],
      presets: { mine: result.best.factors },
    });
    const bound = join(scratch(), 'bound');
    const tables = ['--tables', numpy('paired'), '--bonds', bonds];
    const composed = await freebind(['compose', out, ...tables, '--factors', 'mine', '--out', bound]);
    expect(composed.status).toBe(0);
    // Figures of the chosen rows of the composed tables are those that tuning saw.
    const report = documentOf(await freebind(['eval', '--tables', bound, '--rows', `${splits}:val`, '--json'])) as {
      directions: readonly { direction: string; recall: readonly { value: number }[] }[];
    };
    const measured = report.directions.map(({ direction, recall }) => [direction, recall[0]?.value]);
    expect(measured).toHaveLength(6);
    expect(Object.fromEntries(measured)).toEqual(result.best.values);
  });

  test('prints bonds, what tuning changed and the front for people', async () => {
    const { stdout, status } = await freebind(validated('--goal', 'audio->text=2,text->audio=1', '--recall', '5'));
    expect(status).toBe(0);
    expect(stdout).toMatch(/^R@5 of 16 items +1\.audio +1\.text +audio→image/m);
    expect(stdout).toMatch(/^base, no bonds +[\d.]+/m);
    expect(stdout).toMatch(/^tuned +[\d.]+ +[\d.]+ +[\d.]+/m);
    expect(stdout).toMatch(/^Pareto front, 1 point:$/m);
    expect(stdout).toContain('Add --out recipe.json');
  });

  test('tunes a recipe from a file, and replaces it only when told', async () => {
    const file = join(scratch(), 'recipe.json');
    writeFileSync(file, JSON.stringify({ base: 'unified', steps: [{ kind: 'combination', experts: ['sound'] }] }));
    const run = (...more: readonly string[]) =>
      freebind(validated('--out', file, '--quiet', ...more).map((arg) => (arg === RECIPE ? file : arg)));
    const refused = await run();
    expect(refused.stderr).toContain('FREEBIND_OUTPUT_EXISTS');
    expect((await run('--force')).status).toBe(0);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toHaveProperty('presets.tuned');
  });

  test('refuses to choose without validation items, and on items that are tested on', async () => {
    const out = join(scratch(), 'tuned.json');
    const without = await freebind(args('--out', out));
    expect(without).toMatchObject({ status: 1, stdout: '' });
    expect(without.stderr).toMatch(/^error FREEBIND_ARGUMENT_INVALID: Tuning needs a validation set/);
    const shared = await freebind(validated('--test', `${splits}:overlap`, '--out', out));
    expect(shared.stderr).toMatch(/FREEBIND_ARGUMENT_INVALID: 2 items are in both .*: "row 4", "row 6"/);
    expect(existsSync(out)).toBe(false);
  });

  test('refuses different rows of one item, where ids say so', async () => {
    const tables = join(scratch(), 'tables');
    mkdirSync(tables);
    for (const name of ['unified.audio', 'unified.text', 'unified.image', 'sound.audio', 'sound.text'])
      writeFileSync(join(tables, `${name}.npy`), readFileSync(numpy(`paired/${name}.npy`)));
    const ids = Array.from({ length: 32 }, (_, row) => (row < 2 ? 'cat' : `item ${row}`));
    writeFileSync(join(tables, 'text.ids.txt'), `${ids.join('\n')}\n`);
    const outcome = await freebind(
      validated('--test', `${splits}:test`).map((arg) => (arg === numpy('paired') ? tables : arg)),
    );
    expect(outcome.stderr).toMatch(/FREEBIND_ARGUMENT_INVALID: 1 items are in both .*: "cat"/);
  });

  test.each([
    ['a goal of a modality that is not there', ['--goal', 'audio->smell'], 'FREEBIND_ARGUMENT_INVALID', 'audio→image'],
    ['a list that is not there', ['--validation', 'SPLITS:vla'], 'FREEBIND_FILE_INVALID', 'its keys are val'],
    ['one step', ['--steps', '1'], 'error: option', 'at least 2'],
  ])('refuses %s', async (_, more, code, words) => {
    const { status, stderr } = await freebind(validated(...more.map((arg) => arg.replace('SPLITS', splits))));
    expect(status).not.toBe(0);
    expect(stderr).toContain(code);
    expect(stderr).toContain(words);
  });
});
