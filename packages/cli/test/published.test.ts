import { copyFileSync, cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { documentOf, freebind, numpy, scratch, suiteScratch } from './freebind.ts';
import { readRows } from './read-rows.ts';

/** A tiny variant, written by PyTorch as FreeBind's own: see fixtures/torch/make.py. */
const PUBLISHED = fileURLToPath(new URL('../../../fixtures/torch', import.meta.url));
const BOND = 'imagebind-to-internvl';

const dir = suiteScratch();
const bonds = join(dir, 'bonds');
const tables = numpy('published');

beforeAll(async () => {
  const { status, stderr } = await freebind(['import', PUBLISHED, '--variant', 'internvl_ib', '--out', bonds]);
  if (status !== 0) throw new Error(stderr);
});

describe('import', () => {
  test('makes a bond that inspect can tell', async () => {
    expect(documentOf(await freebind(['inspect', join(bonds, BOND), '--json']))).toMatchObject({
      kind: 'displacement bond',
      from: { space: 'imagebind', dimension: 3 },
      into: { space: 'internvl', dimension: 2 },
      heads: ['mix', 'A', 'T', 'V', 'AT', 'AV', 'TV'],
      provenance: { license: 'CC BY 4.0' },
    });
    const folder = documentOf(await freebind(['inspect', bonds, '--json']));
    expect(folder).toMatchObject({ kind: 'bonds', bonds: { [BOND]: { shared: ['image', 'text'] } } });
  });

  test('names the variants when there is no such one, and the files when they are missing', async () => {
    const unknown = await freebind(['import', PUBLISHED, '--variant', 'imagebind+', '--out', join(dir, 'no')]);
    expect(unknown.stderr).toMatch(/^error FREEBIND_ARGUMENT_INVALID: .*imagebind\+\+/);
    const missing = await freebind(['import', PUBLISHED, '--variant', 'imagebind++', '--out', join(dir, 'no')]);
    expect(missing.stderr).toMatch(/^error FREEBIND_FILE_MISSING: .*IB_PP_G_Proj/);
    expect(existsSync(join(dir, 'no'))).toBe(false);
  });

  test('does not replace bonds unless told', async () => {
    const again = ['import', PUBLISHED, '--variant', 'internvl_ib', '--out', bonds];
    expect((await freebind(again)).stderr).toContain('FREEBIND_OUTPUT_EXISTS');
    expect((await freebind([...again, '--force'])).status).toBe(0);
  });
});

describe('project', () => {
  const args = ['project', '--bond', join(bonds, BOND), '--in', join(tables, 'imagebind.audio.npy')];

  test('gives the unit mean of all heads, or one head', async () => {
    const out = join(scratch(), 'y.npy');
    expect(documentOf(await freebind([...args, '--out', out, '--json']))).toMatchObject({
      out,
      shape: [5, 2],
      from: 'imagebind',
      into: 'internvl',
      bond: BOND,
      backend: 'reference',
    });
    const mean = await readRows(out);
    const heads = await Promise.all(
      ['mix', 'A', 'T', 'V', 'AT', 'AV', 'TV'].map(async (head) => {
        const one = `${out}.${head}.npy`;
        await freebind([...args, '--head', head, '--out', one]);
        return readRows(one);
      }),
    );
    mean.forEach((row, r) => {
      const sum = row.map((_, c) => heads.reduce((total, rows) => total + (rows[r]?.[c] ?? NaN), 0));
      const length = Math.hypot(...sum);
      // Eight float32 roundings of numbers of at most 1.
      row.forEach((x, c) => expect(Math.abs(x - (sum[c] ?? NaN) / length)).toBeLessThan(1e-6));
    });
  });

  test('refuses rows of another width, an unknown head and a folder that is no bond', async () => {
    const out = join(scratch(), 'y.npy');
    const wide = ['project', '--bond', join(bonds, BOND), '--in', numpy('pool/unified.text.npy'), '--out', out];
    expect((await freebind(wide)).stderr).toMatch(/FREEBIND_SPACE_MISMATCH: .*16 columns.*"imagebind", which have 3/);
    expect((await freebind([...args, '--out', out, '--head', 'X'])).stderr).toMatch(/ARGUMENT_INVALID.*mix, A, T/);
    const none = ['project', '--bond', tables, '--in', numpy('pool/unified.text.npy'), '--out', out];
    expect((await freebind(none)).stderr).toContain('error FREEBIND_');
    expect((await freebind([...args, '--out', out, '--modality', 'audio'])).status).toBe(2);
    expect(existsSync(out)).toBe(false);
  });
});

describe('compose', () => {
  const recipe = 'imagebind + d(internvl)';
  const args = ['compose', recipe, '--tables', tables, '--bonds', bonds];

  test('mixes by the factors, per modality, and carries ids along', async () => {
    const out = scratch();
    const outcome = await freebind([...args, '--out', out, '--factors', 'image=.3', '--space-name', 'both', '--json']);
    expect(documentOf(outcome)).toMatchObject({
      space: 'both',
      recipe,
      factors: [{ image: 0.3, text: 0.2 }],
      tables: expect.arrayContaining([{ modality: 'image', path: join(out, 'both.image.npy'), shape: [6, 2] }]),
    });
    const projected = join(out, 'y.npy');
    await freebind([
      'project',
      '--bond',
      join(bonds, BOND),
      '--in',
      join(tables, 'imagebind.image.npy'),
      '--out',
      projected,
    ]);
    const [psi, own] = [await readRows(projected), await readRows(join(tables, 'internvl.image.npy'))];
    (await readRows(join(out, 'both.image.npy'))).forEach((row, r) => {
      const sum = row.map((_, c) => 0.3 * (psi[r]?.[c] ?? NaN) + 0.7 * (own[r]?.[c] ?? NaN));
      row.forEach((x, c) => expect(Math.abs(x - (sum[c] ?? NaN) / Math.hypot(...sum))).toBeLessThan(1e-6));
    });
    expect(readFileSync(join(out, 'image.ids.txt'), 'utf8')).toMatch(/^picture 0\npicture 1\n/);
    expect(documentOf(await freebind(['eval', '--tables', out, '--space', 'both', '--json']))).toMatchObject({
      error: { code: 'FREEBIND_ROWS_MISALIGNED' },
    });
  });

  test.each<[string, (tables: string) => void]>([
    ['ids that are too few', (dir) => writeFileSync(join(dir, 'text.ids.txt'), 'text 0\n')],
    [
      'a number that is none',
      (dir) => {
        const bytes = readFileSync(join(tables, 'imagebind.text.npy'));
        bytes.fill(0xff, bytes.length - 4);
        writeFileSync(join(dir, 'imagebind.text.npy'), bytes);
      },
    ],
  ])('writes all of its tables or none: %s in one', async (_, damage) => {
    const [dir, out] = [join(scratch(), 'tables'), join(scratch(), 'bound')];
    cpSync(tables, dir, { recursive: true });
    damage(dir);
    const command = (from: string): string[] => ['compose', recipe, '--tables', from, '--bonds', bonds, '--out', out];
    expect((await freebind(command(dir))).status).toBe(1);
    expect(existsSync(out) ? readdirSync(out) : []).toEqual([]);
    expect((await freebind(command(tables))).status).toBe(0);
  });

  test('refuses to write beside rows of other items, and leaves their ids', async () => {
    const out = scratch();
    copyFileSync(join(tables, 'internvl.image.npy'), join(out, 'other.image.npy'));
    writeFileSync(join(out, 'image.ids.txt'), 'a\nb\nc\nd\ne\nf\n');
    expect((await freebind([...args, '--out', out])).stderr).toMatch(/^error FREEBIND_ROWS_MISALIGNED: .*other\.image/);
    expect(readFileSync(join(out, 'image.ids.txt'), 'utf8')).toMatch(/^a\nb\n/);
    expect(readdirSync(out).sort()).toEqual(['image.ids.txt', 'other.image.npy']);
    copyFileSync(join(tables, 'image.ids.txt'), join(out, 'image.ids.txt'));
    expect((await freebind([...args, '--out', out, '--modality', 'image'])).status).toBe(0);
  });

  test('removes what embed says of a table that it replaces', async () => {
    const out = scratch();
    const command = [...args, '--out', out, '--modality', 'audio', '--space-name', 'imagebind'];
    await freebind(command);
    writeFileSync(join(out, 'imagebind.audio.json'), '{}');
    expect((await freebind([...command, '--force'])).status).toBe(0);
    expect(existsSync(join(out, 'imagebind.audio.json'))).toBe(false);
  });

  test('names its tables by the recipe, and takes only the modalities that were asked for', async () => {
    const out = scratch();
    await freebind([...args, '--out', out, '--modality', 'audio']);
    expect(documentOf(await freebind(['inspect', out, '--json']))).toMatchObject({
      spaces: { [recipe]: { audio: [5, 2] } },
    });
    expect((await freebind([...args, '--out', out, '--modality', 'audio'])).stderr).toContain('FREEBIND_OUTPUT_EXISTS');
  });

  test.each([
    ['imagebind + x(internvl)', [], 'FREEBIND_RECIPE_INVALID', 'column 13'],
    ['imagebind + d(clap)', [], 'FREEBIND_SPACE_UNKNOWN', 'clap'],
    ['imagebind + c(internvl)', [], 'FREEBIND_BOND_UNKNOWN', 'freebind train'],
    [recipe, ['--factors', 'image=1.5'], 'FREEBIND_FACTOR_INVALID', '1.5'],
    [recipe, ['--factors', 'audio=.5'], 'FREEBIND_FACTOR_INVALID', 'audio'],
    [recipe, ['--modality', 'depth'], 'FREEBIND_CAPABILITY_MISSING', 'depth'],
  ])('refuses %s %s', async (text, options, code, words) => {
    const out = join(scratch(), 'bound');
    const command = ['compose', text, '--tables', tables, '--bonds', bonds, '--out', out, ...options];
    const { status, stderr } = await freebind(command);
    expect(status).toBe(1);
    expect(stderr).toContain(`error ${code}`);
    expect(stderr).toContain(words);
    expect(existsSync(out)).toBe(false);
  });
});
