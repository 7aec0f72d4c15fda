import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runChild } from '../../test/child.ts';
import { toyBond, toySpace, toyTopics } from '../../test/toy-bond.ts';
import { readBond } from '../files/bond-folder.ts';
import { normalMatrix, random } from '../random.ts';
import { tableOf } from '../table.ts';
import { type TrainBondOptions, trainBond, type TrainedBond } from './bond.ts';
import { bondId } from './bond-options.ts';
import type { TrainingEvent } from './events.ts';

let folder: string;
let out: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'freebind-bond-'));
  out = join(folder, 'bond');
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

async function finish(
  options: TrainBondOptions,
  seen: (event: TrainingEvent) => void = () => undefined,
): Promise<TrainedBond & { readonly events: readonly TrainingEvent[] }> {
  const run = trainBond(options);
  const events: TrainingEvent[] = [];
  for (;;) {
    const next = await run.next();
    if (next.done) return { ...next.value, events };
    events.push(next.value);
    seen(next.value);
  }
}

const bytesOf = async (dir: string): Promise<readonly Buffer[]> =>
  Promise.all((await readdir(dir)).sort().map((name) => readFile(join(dir, name))));

test('trains seven heads, writes the bond with its provenance and leaves no work behind', async () => {
  const training = { ...toyBond(out).training, heads: 'all' } as const;
  const { manifest, reused, events } = await finish(toyBond(out, { training }));
  expect(manifest).toEqual({
    id: 'u-d-e',
    kind: 'displacement',
    from: { space: 'u', dimension: 10 },
    into: { space: 'e', dimension: 8 },
    shared: ['image', 'text'],
    heads: ['mix', 'A', 'T', 'V', 'AT', 'AV', 'TV'],
  });
  expect(reused).toBe(false);
  expect(await readdir(folder)).toEqual(['bond']);
  const { bond, provenance } = await readBond(out);
  expect(bond.manifest).toEqual(manifest);
  expect(provenance).toMatchObject({
    seed: 1,
    options: { kind: 'displacement', batch: 16, learningRate: 1e-3, optimizer: { beta1: 0.9, weightDecay: 0 } },
    backend: { id: 'reference' },
    data: { 'u.audio': expect.stringMatching(/^sha256:/), 'e.text': expect.stringMatching(/^sha256:/) },
  });
  // mix: 120 rows are seven batches of 16, three times; A: 40 rows are two.
  expect(provenance.lossCurve?.mix).toHaveLength(21);
  expect(provenance.lossCurve?.A).toHaveLength(6);
  expect(events.map((event) => event.stage)).toContain('u-d-e: head 2 of 7, A');
  expect(events.at(-1)).toEqual({ type: 'done', stage: 'u-d-e', path: out });
});

test.each(['displacement', 'combination'] as const)(
  'a %s carries rows to the other space, where they find their like',
  async (kind) => {
    const training = {
      ...toyBond(out).training,
      heads: ['mix'],
      learningRate: 0.01,
      epochs: { displacement: 15, combination: 15 },
    };
    const options = toyBond(out, { kind, training });
    const { manifest } = await finish(options);
    expect([manifest.from.dimension, manifest.into.dimension]).toEqual(kind === 'displacement' ? [10, 8] : [8, 10]);
    const [from, into] =
      kind === 'displacement' ? [options.unified, options.expert] : [options.expert, options.unified];
    const { networks } = (await readBond(out)).bond;
    const runner = await options.backend.openProjector(Object.values(networks));
    const rows = await from.tables.text?.read(0, 44);
    const targets = into.tables.text;
    if (rows === undefined || targets === undefined) throw new Error('The toy has text.');
    const bank = await options.backend.openBank({ keys: targets });
    const { indices } = await bank.topK(await runner.project(rows), 1);
    const topics = toyTopics('text', 44);
    const right = topics.filter((topic, i) => topics[indices[i] ?? -1] === topic);
    // There are twelve topics: chance would be four or so.
    expect(right.length).toBeGreaterThan(22);
  },
);

test('goes on where SIGKILL ended it, to the same bytes', async () => {
  const other = join(folder, 'unbroken');
  await finish(toyBond(other));
  // Killed while pairs are collected, and in the first head.
  for (const lifetime of ['5', '20']) {
    await runChild('toy-bond-child.ts', [out, lifetime]);
    expect(await readdir(folder)).toEqual(['bond.training', 'unbroken']);
  }
  const { events } = await finish(toyBond(out));
  expect(events.find((event) => event.type === 'done')).toMatchObject({ stage: 'u-d-e: pseudo pairs', reused: true });
  expect(events.filter((event) => event.type === 'step').length).toBeLessThan(36);
  expect(await bytesOf(out)).toEqual(await bytesOf(other));
});

test('a second process on the same folder is refused while the first works', async () => {
  const run = trainBond(toyBond(out));
  for (let next = await run.next(); !next.done && next.value.type !== 'step';) next = await run.next();
  const lines: Readonly<Record<string, unknown>>[] = [];
  await runChild('toy-bond-child.ts', [out], (line) => lines.push(line));
  expect(lines).toMatchObject([{ type: 'error', code: 'FREEBIND_OUTPUT_BUSY' }]);
  for (let next = await run.next(); !next.done;) next = await run.next();
  expect((await readBond(out)).bond.manifest.id).toBe('u-d-e');
});

test('whoever stops listening leaves the folder free for the next', async () => {
  for await (const event of trainBond(toyBond(out))) if (event.type === 'step' && event.step > 4) break;
  const { events } = await finish(toyBond(out));
  expect(events.find((event) => event.type === 'stage' && event.stage.includes('head'))).toMatchObject({ done: 4 });
});

test('a bond of the same data and options is reused, of others refused, or replaced when asked', async () => {
  await finish(toyBond(out));
  // As a kill between the last two acts of the first run would leave it.
  await mkdir(`${out}.training`);
  await writeFile(join(`${out}.training`, 'run.json'), '{}');
  expect(await finish(toyBond(out))).toMatchObject({ reused: true, events: [{ type: 'done', reused: true }] });
  expect(await readdir(folder)).toEqual(['bond']);
  const changed = toyBond(out, { training: { ...toyBond(out).training, seed: 2, heads: ['A'] } });
  await expect(finish(changed)).rejects.toMatchObject({
    code: 'FREEBIND_OUTPUT_EXISTS',
    message: expect.stringMatching(/was made by another run: options\.seed is 1 there and 2 here|manifest\.heads/),
  });
  await finish({ ...changed, replace: true });
  expect((await readBond(out)).provenance.seed).toBe(2);
});

test('a folder of somebody else is not touched', async () => {
  await writeFile(join(folder, 'bond'), 'mine');
  await expect(finish(toyBond(out))).rejects.toMatchObject({
    code: expect.stringMatching(/FREEBIND_(OUTPUT_EXISTS|WRITE_FAILED|FILE_INVALID)/),
  });
  expect(await readFile(out, 'utf8')).toBe('mine');
});

test('unfinished work of another run is refused with what differs, and of this run unless it may be resumed', async () => {
  await runChild('toy-bond-child.ts', [out, '20']);
  const batch = toyBond(out, { training: { ...toyBond(out).training, batch: 8 } });
  await expect(finish(batch)).rejects.toMatchObject({
    code: 'FREEBIND_CHECKPOINT_INVALID',
    message: expect.stringMatching(/options\.batch is 16 there and 8 here/),
  });
  await expect(finish(toyBond(out, { resume: false }))).rejects.toMatchObject({
    code: 'FREEBIND_OUTPUT_EXISTS',
    message: expect.stringMatching(/--resume/),
  });
});

test.each([{}, { replace: true }])('a folder of somebody else is refused before any work (%j)', async (options) => {
  await mkdir(out);
  await writeFile(join(out, 'thesis.txt'), 'years of work');
  await expect(finish(toyBond(out, options))).rejects.toMatchObject({
    code: 'FREEBIND_OUTPUT_EXISTS',
    message: expect.stringContaining('thesis.txt'),
  });
  expect([await readdir(folder), await readdir(out)]).toEqual([['bond'], ['thesis.txt']]);
});

test('a bad row is named before any work', async () => {
  const rows = normalMatrix(40, 10, random('x'));
  const unified = { space: 'u', tables: { ...toyBond(out).unified.tables, audio: tableOf(rows, 'u.audio.npy') } };
  await expect(finish(toyBond(out, { unified }))).rejects.toMatchObject({
    code: 'FREEBIND_NUMBER_INVALID',
    message: expect.stringMatching(/Row 0 of u\.audio\.npy has norm/),
  });
  expect(await readdir(folder)).toEqual([]);
});

test.each<[Partial<TrainBondOptions>, RegExp]>([
  [{ training: { heads: ['X'] } }, /no head "X".*mix, A, T, V/],
  [{ training: { heads: [] } }, /No heads were chosen/],
  [{ training: { pairs: [['text', 'audio']] } }, /no pair \[text, audio\].*target, one of image, text/],
  [{ training: { pairs: [] } }, /No loss term/],
  [{ expert: toySpace('e', 8, { touch: 5 }) }, /share no modality/],
  [{ expert: toySpace('u', 10, { text: 44 }) }, /bound to itself/],
  [{ expert: toySpace('e', 8, { text: 9 }) }, /u\.text\.npy has 44 rows and e\.text\.npy has 9/],
])('refuses what cannot be trained, before any work (%#)', async (changes, message) => {
  await expect(finish(toyBond(out, changes))).rejects.toThrow(message);
  expect(await readdir(folder)).toEqual([]);
});

test('binds spaces of any modalities, also ones that only the expert has', async () => {
  const unified = toySpace('u', 6, { smell: 20, touch: 24 });
  const expert = toySpace('e', 5, { touch: 24, taste: 18 });
  const { manifest } = await finish(
    toyBond(out, { unified, expert, kind: 'combination', training: { ...toyBond(out).training, heads: 'all' } }),
  );
  expect(manifest).toMatchObject({ shared: ['touch'], heads: ['mix', 'S', 'T'], id: 'u-c-e' });
});

test('ids are safe as folder names', () => {
  expect(bondId('displacement', 'imagebind', 'internvl')).toBe('imagebind-d-internvl');
  expect(bondId('combination', 'imagebind† + d(internvl)', 'clap/general')).toBe(
    'imagebind†-d-internvl-c-clap-general',
  );
});
