import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ReferenceBackend } from '@freebind/backend-reference';
import { openTables, lockFolder } from '@freebind/core/files';
import { recipe } from '@freebind/core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { quickstart } from '../src/quickstart.ts';
import { type QuickstartResult, DIRECTIONS } from '../src/result.ts';

const CHILD = fileURLToPath(new URL('tiny-run.mjs', import.meta.url));
const backend = new ReferenceBackend();

let scratch: string;
let unbroken: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'freebind-quickstart-'));
  unbroken = join(scratch, 'unbroken');
  await tinyRun(unbroken);
}, 180_000);
afterAll(async () => rm(scratch, { recursive: true, force: true }));

/** A quickstart of a few steps in a process of its own; gives the signal that ended it. */
function tinyRun(...args: readonly string[]): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, [CHILD, ...args], (error, _, stderr) => {
      if (error === null) resolve(null);
      else if (child.signalCode !== null) resolve(child.signalCode);
      else reject(new Error(stderr, { cause: error }));
    });
  });
}

async function resultOf(out: string): Promise<QuickstartResult> {
  // Written by quickstart.
  return JSON.parse(await readFile(join(out, 'result.json'), 'utf8')) as QuickstartResult;
}

/** A result without what the clock says. */
function timeless({ stages, trained, ...figures }: QuickstartResult): unknown {
  return {
    ...figures,
    stages: stages.map(({ name }) => name),
    trained: trained.map(({ stage, what, rows, steps }) => [stage, what, rows, steps]),
  };
}

test('leaves spaces, tables, bonds, the recipe, the result and the report', async () => {
  expect((await readdir(unbroken)).filter((name) => !name.startsWith('.')).toSorted()).toEqual(
    ['bonds', 'quickstart.json', 'recipe.json', 'report.html', 'result.json', 'spaces', 'stages.json', 'tables'], // prettier-ignore
  );
  expect(await readdir(join(unbroken, 'spaces'))).toEqual(['at', 'u', 'vt']);
  const tables = await openTables(join(unbroken, 'tables', 'test'));
  expect([tables.spaces, tables.rows('audio')]).toEqual([['at', 'u', 'vt'], 284]);
  await tables.close();
  const made = recipe(JSON.parse(await readFile(join(unbroken, 'recipe.json'), 'utf8')));
  expect(Object.keys(made.presets?.['tuned'] ?? {})).toEqual(['1.image', '1.text', '2.audio', '2.text']);
});

test('measures every row on test and unseen concepts, in the directions that it has', async () => {
  const { rows, gallery, leakage, directions } = await resultOf(unbroken);
  expect(directions).toEqual(DIRECTIONS);
  const ids = ['u', 'u+d', 'u+d+c', 'vt', 'at', 'score-mixing', 'disjoint-pools'];
  expect(rows.map(({ id, split }) => [split, id])).toEqual(
    ['test', 'unseen'].flatMap((split) => ids.map((id) => [split, id])),
  );
  for (const row of rows) {
    const found = DIRECTIONS.filter((direction) => row.directions[direction] !== null);
    expect([row.id, found.length]).toEqual([row.id, ['vt', 'at'].includes(row.id) ? 2 : 6]);
    expect(row.mean.low).toBeLessThanOrEqual(row.mean.value);
    expect(row.mean.high).toBeGreaterThanOrEqual(row.mean.value);
  }
  expect(gallery.concepts).toHaveLength(284);
  expect(leakage.byId).toEqual([]);
});

test('without a projector, mixing scores gains nothing between audio and image', async () => {
  const { rows } = await resultOf(unbroken);
  const [u, mixed] = ['u', 'score-mixing'].map((id) => rows.find((row) => row.id === id && row.split === 'test'));
  expect(mixed?.directions['audio→image']).toEqual(u?.directions['audio→image']);
});

test('killed in the middle of stages and started again, it comes to the same result', async () => {
  const out = join(scratch, 'broken');
  for (const stage of ['space vt', 'bonds of u + d(vt) + c(at)']) expect(await tinyRun(out, stage)).toBe('SIGKILL');
  expect(await tinyRun(out)).toBeNull();
  const [broken, whole] = [await resultOf(out), await resultOf(unbroken)];
  expect(broken.stages.find(({ name }) => name === 'space u')?.reused).toBe(true);
  expect(timeless(broken)).toEqual(timeless(whole));
}, 180_000);

test('a finished run is read, not made again', async () => {
  expect(await tinyRun(unbroken, 'space u')).toBeNull();
});

test.each([
  ['a bond that was cut short', 'bonds/bound', (out: string) => truncate(weightsIn(out), 1000)],
  ['a table that was cut short', 'tables/test', (out: string) => truncate(join(out, 'tables/test/u.audio.npy'), 500)],
  ['a table of numbers that are none', '.', (out: string) => spoil(join(out, 'tables/test/u.audio.npy'))],
  ['tables that bonds were not made of', '.', (out: string) => rm(join(out, 'tables/pool/u.audio.npy'))],
])('%s is told with what to delete, which stands in the way of every run', async (_, part, change) => {
  const out = join(scratch, 'changed');
  await cp(unbroken, out, { recursive: true });
  onTestFinished(() => rm(out, { recursive: true }));
  await rm(join(out, 'result.json'));
  await change(out);
  await expect(tinyRun(out)).rejects.toThrow(`Delete ${join(out, part)} and start again`);
});

function weightsIn(out: string): string {
  return join(out, 'bonds/bound/u-d-vt/weights.safetensors');
}

/** Makes the last number of a table NaN. */
async function spoil(path: string): Promise<void> {
  const bytes = await readFile(path);
  await writeFile(path, bytes.fill(0xff, bytes.length - 4));
}

test('a folder of somebody else, of another seed and one in use are refused and left as they are', async () => {
  const other = join(scratch, 'other');
  await mkdir(other);
  await writeFile(join(other, 'thesis.txt'), 'mine');
  await expect(quickstart({ out: other, backend })).rejects.toMatchObject({
    code: 'FREEBIND_OUTPUT_EXISTS',
    message: expect.stringContaining('is not a quickstart (it has thesis.txt)'),
  });
  expect(await readdir(other)).toEqual(['thesis.txt']);
  await expect(quickstart({ out: unbroken, backend, seed: 4 })).rejects.toMatchObject({
    code: 'FREEBIND_OUTPUT_EXISTS',
    message: expect.stringContaining('seed is 3 there and 4 here'),
  });
  const busy = join(scratch, 'busy');
  const lock = await lockFolder(busy);
  await expect(quickstart({ out: busy, backend })).rejects.toMatchObject({ code: 'FREEBIND_OUTPUT_BUSY' });
  await lock.release();
});

test('stopped by a signal it says so, and a bad seed is refused before anything is written', async () => {
  const out = join(scratch, 'stopped');
  await expect(quickstart({ out, backend, signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'FREEBIND_ABORTED',
  });
  const never = join(scratch, 'never');
  await expect(quickstart({ out: never, backend, seed: NaN })).rejects.toThrow(/The seed is NaN/);
  await expect(readdir(never)).rejects.toThrow('ENOENT');
});
