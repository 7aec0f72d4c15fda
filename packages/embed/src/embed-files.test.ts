import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { FreebindError, matrix, normaliseRows } from '@freebind/core';
import { lockFolder, openTables, writeNpy } from '@freebind/core/files';
import { describe, expect, test } from 'vitest';
import { filesIn, runAll, scratch, textItems, words } from '../test/embedding.ts';
import { ToySpace } from '../test/toy-spaces.ts';
import { embedFiles, type EmbedOptions } from './embed-files.ts';
import { filesOf } from './inputs.ts';
import { mergeShards } from './merge-shards.ts';

const options = (out: string, more: Partial<EmbedOptions> = {}): EmbedOptions => ({
  spaces: [new ToySpace('a', { model: '1' })],
  modality: 'text',
  items: textItems(words(40)),
  out,
  ...more,
});

const workOf = (out: string): string => join(out, '.embed', 'text', '0-of-1');

/** Runs until `rows` have been kept, then stops listening, which leaves the folder as Ctrl-C does. */
async function stopAfter(rows: number, given: EmbedOptions): Promise<void> {
  for await (const event of embedFiles(given)) if (event.type === 'rows' && event.rows >= rows) return;
}

/** Leaves files as a copy does that keeps the times of their content. */
async function asCopied(paths: readonly string[]): Promise<void> {
  await wait(10); // the clocks of disks tick in steps of up to that
  for (const path of paths) utimesSync(path, 1000, 1000);
}

/** Gives a path another file, of the same length and of older content. */
function replaceFile(path: string): void {
  writeFileSync(`${path}.new`, path.toUpperCase());
  utimesSync(`${path}.new`, 1000, 1000);
  renameSync(`${path}.new`, path);
}

describe('embedFiles', () => {
  test('writes the table that embed gives, with ids, and a record of how', async () => {
    const out = scratch();
    const { result } = await runAll(embedFiles(options(out, { items: textItems(words(16)) })));
    expect(result).toEqual({
      tables: [{ space: 'a', path: join(out, 'a.text.npy'), shape: [16, 4] }],
      rows: 16,
      skipped: 0,
      reused: false,
    });
    expect(readdirSync(out).sort()).toEqual(['a.text.json', 'a.text.npy', 'text.ids.txt']);
    const tables = await openTables(out);
    const rows = await tables.table('a', 'text').read(0, 16);
    expect(await tables.ids('text')).toEqual(words(16));
    await tables.close();
    expect(rows.data).toEqual((await new ToySpace('a').embed('text', words(16))).data);
    expect(JSON.parse(readFileSync(join(out, 'a.text.json'), 'utf8'))).toMatchObject({
      space: { id: 'a', depends: { model: '1' } },
      inputs: { items: 16 },
      rows: 16,
    });
  });

  test.each([
    ['npy', 'f2'],
    ['safetensors', 'f4'],
    ['safetensors', 'f2'],
  ] as const)('writes %s of %s', async (format, dtype) => {
    const out = scratch();
    await runAll(embedFiles(options(out, { format, dtype, items: textItems(words(16)) })));
    const tables = await openTables(out);
    const { data } = await tables.table('a', 'text').read(0, 16);
    await tables.close();
    const exact = (await new ToySpace('a').embed('text', words(16))).data;
    // Half floats have 11 bits: entries of at most 1 are within 2⁻¹² of what they were.
    const bound = dtype === 'f2' ? 2 ** -12 : 0;
    expect(Math.max(...exact.map((x, i) => Math.abs(x - (data[i] ?? NaN))))).toBeLessThanOrEqual(bound);
  });

  test('gives each chunk of the list to the space as one batch, also where some inputs are bad', async () => {
    const batches: number[] = [];
    const space = new ToySpace('a', { refuses: 'word 1', onBatch: (inputs) => batches.push(inputs) });
    await runAll(embedFiles(options(scratch(), { spaces: [space] })));
    // In any order: several chunks are under way at a time.
    expect(batches.sort((a, b) => b - a)).toEqual([16, 16, 8]);
  });

  test('skips what one space refuses in all spaces, and lists it', async () => {
    const out = scratch();
    const spaces = [new ToySpace('a', { refuses: 'word 3' }), new ToySpace('b', { refuses: 'word 1', dimension: 3 })];
    const { result, events } = await runAll(embedFiles(options(out, { spaces, items: textItems(words(20)) })));
    const left = words(20).filter((word) => !/^word [13]/.test(word));
    expect(result).toMatchObject({ rows: left.length, skipped: 20 - left.length });
    const tables = await openTables(out);
    expect(await tables.ids('text')).toEqual(left);
    expect([tables.table('a', 'text').rows, tables.table('b', 'text').rows]).toEqual([left.length, left.length]);
    await tables.close();
    const listed = readFileSync(join(out, 'text.skipped.jsonl'), 'utf8').trimEnd().split('\n');
    const skipped = listed.map((line): unknown => JSON.parse(line));
    expect(skipped).toHaveLength(20 - left.length);
    expect(skipped).toContainEqual({
      id: 'word 3',
      code: 'FREEBIND_FILE_INVALID',
      message: 'a refuses "word 3".',
      space: 'a',
    });
    expect(events.filter(({ type }) => type === 'skipped')).toHaveLength(skipped.length);
  });

  test('reads files, and skips those that are not there or empty', async () => {
    const [out, media] = [scratch(), scratch()];
    for (const name of ['b.png', 'a.png', 'c.PNG']) writeFileSync(join(media, name), name);
    writeFileSync(join(media, 'd.png'), '');
    writeFileSync(join(media, 'notes.md'), 'no picture');
    const items = filesOf([media, join(media, 'gone.png')], 'image');
    const { result } = await runAll(embedFiles(options(out, { modality: 'image', items })));
    expect(result).toMatchObject({ rows: 3, skipped: 2 });
    expect(readFileSync(join(out, 'image.ids.txt'), 'utf8')).toBe(
      ['a.png', 'b.png', 'c.PNG', ''].map((name) => name && join(media, name)).join('\n'),
    );
    expect(readFileSync(join(out, 'image.skipped.jsonl'), 'utf8')).toMatch(/d\.png.*empty[^]*FREEBIND_FILE_MISSING/);
  });

  test('says of text files that are empty or not there what they are, and where texts themselves go', async () => {
    const [out, media] = [scratch(), scratch()];
    for (const [name, text] of [
      ['a.txt', 'a dog'],
      ['b.txt', ''],
    ] as const)
      writeFileSync(join(media, name), text);
    mkdirSync(join(media, 'c.txt'));
    const items = filesOf(
      [...['a', 'b', 'c'].map((name) => join(media, `${name}.txt`)), 'a dog', 'http://127.0.0.1:1/a.txt'],
      'text',
    );
    const { events } = await runAll(embedFiles(options(out, { items })));
    const said = events.flatMap((event) => (event.type === 'skipped' ? [event.message] : []));
    expect(said).toEqual([
      expect.stringMatching(/b\.txt is empty/),
      expect.stringMatching(/c\.txt is not a file/),
      expect.stringMatching(/^a dog could not be read .*`--lines`/),
      expect.not.stringContaining('--lines'),
    ]);
    expect(said.join(' ')).not.toMatch(/picture|sound/);
  });

  test('stops at the first bad input with strict, and goes on when it was mended', async () => {
    const out = scratch();
    const strict = options(out, { strict: true, spaces: [new ToySpace('a', { refuses: 'word 37' })] });
    await expect(runAll(embedFiles(strict))).rejects.toMatchObject({
      code: 'FREEBIND_FILE_INVALID',
      message: expect.stringMatching(/^word 37: /),
    });
    const { events } = await runAll(embedFiles({ ...strict, spaces: [new ToySpace('a')] }));
    expect(events[0]).toEqual({ type: 'stage', stage: 'embed text', done: 32, total: 40 });
  });

  test('tells of files that were put under their names after their rows were made, and embeds them again when asked', async () => {
    const [out, media] = [scratch(), scratch()];
    const paths = words(40).map((word) => join(media, `${word}.txt`));
    for (const path of paths) writeFileSync(path, path);
    const given = options(out, { items: filesOf(paths, 'text') });
    const slow = options(out, { ...given, spaces: [new ToySpace('a', { model: '1', delayMs: 250 })] });
    const [first = '', second = ''] = paths;
    await stopAfter(16, slow);
    await wait(10); // the clocks of disks tick in steps of up to that
    replaceFile(first);
    // Its row is to be made yet.
    replaceFile(paths.at(-1) ?? '');
    const resumed = await runAll(embedFiles(given));
    expect(resumed.events.filter(({ type }) => type === 'warning')).toEqual([
      {
        type: 'warning',
        stage: 'embed text',
        message: expect.stringMatching(/^\S+word 0\.txt was .* delete .*0-of-1/),
      },
    ]);
    expect((await runAll(embedFiles(given))).events).toMatchObject([{ type: 'done', reused: true }]);
    await wait(10);
    for (const path of [second, first]) replaceFile(path);
    const again = await runAll(embedFiles(given));
    expect(again.result.reused).toBe(true);
    expect(again.events[0]).toMatchObject({
      type: 'warning',
      message: expect.stringMatching(/^2 inputs, such as \S+word 0\.txt, were .* `--force`/),
    });
    await runAll(embedFiles({ ...given, replace: true }));
    expect((await runAll(embedFiles(given))).events).toMatchObject([{ type: 'done', reused: true }]);
  });

  test('does not tell of files that were copied with their tables, or with the tables of other spaces', async () => {
    const [out, media] = [scratch(), scratch()];
    const paths = words(20).map((word) => join(media, `${word}.txt`));
    for (const path of paths) writeFileSync(path, path);
    const a = options(out, { items: filesOf(paths, 'text') });
    await runAll(embedFiles(a));
    await asCopied([...paths, join(out, 'a.text.npy'), join(out, 'a.text.json')]);
    const b = options(out, { ...a, spaces: [new ToySpace('b')] });
    for (const given of [a, b])
      expect((await runAll(embedFiles(given))).events.filter(({ type }) => type === 'warning')).toEqual([]);
    await wait(10);
    replaceFile(paths[3] ?? '');
    for (const given of [a, { ...b, replace: true }])
      expect((await runAll(embedFiles(given))).events).toContainEqual(
        expect.objectContaining({ type: 'warning', message: expect.stringMatching(/^\S+word 3\.txt was/) }),
      );
  });

  test('does not tell of files that were copied with unfinished work', async () => {
    const [out, media] = [scratch(), scratch()];
    const paths = words(40).map((word) => join(media, `${word}.txt`));
    for (const path of paths) writeFileSync(path, path);
    const given = options(out, { items: filesOf(paths, 'text') });
    await stopAfter(16, { ...given, spaces: [new ToySpace('a', { model: '1', delayMs: 250 })] });
    await asCopied([...paths, join(workOf(out), 'run.json')]);
    const { events } = await runAll(embedFiles(given));
    expect(events[0]).not.toMatchObject({ done: 0 });
    expect(events.filter(({ type }) => type === 'warning')).toEqual([]);
  });

  test('refuses to go on strictly where inputs were skipped', async () => {
    const out = scratch();
    const given = options(out, { spaces: [new ToySpace('a', { refuses: 'word 1', delayMs: 250 })] });
    await stopAfter(1, given);
    const strict = runAll(embedFiles({ ...given, strict: true, replace: true }));
    await expect(strict).rejects.toMatchObject({
      code: 'FREEBIND_ARGUMENT_INVALID',
      message: expect.stringContaining(`delete ${workOf(out)}`),
    });
  });

  test('refuses strictly to take tables of a run that skipped inputs', async () => {
    const out = scratch();
    const given = options(out, { spaces: [new ToySpace('a', { refuses: 'word 1' })] });
    await runAll(embedFiles(given));
    await expect(runAll(embedFiles({ ...given, strict: true }))).rejects.toMatchObject({
      code: 'FREEBIND_ARGUMENT_INVALID',
      message: expect.stringMatching(/^11 inputs were skipped .*text\.skipped\.jsonl says why/),
    });
    expect((await runAll(embedFiles(given))).result).toMatchObject({ skipped: 11, reused: true });
  });

  test('embeds one by one where a space without embedEach refuses a batch', async () => {
    const out = scratch();
    const spaces = [new ToySpace('a', { each: false, refuses: 'word 7' })];
    const { result } = await runAll(embedFiles(options(out, { spaces })));
    expect(result).toMatchObject({ rows: 39, skipped: 1 });
  });

  test('writes nothing where nothing could be embedded, and starts anew when it can be', async () => {
    const out = scratch();
    const spaces = [new ToySpace('a', { refuses: 'word' })];
    await expect(runAll(embedFiles(options(out, { spaces })))).rejects.toThrow(/None of the 40 inputs/);
    expect(readdirSync(out)).toEqual([]);
    const { result } = await runAll(embedFiles(options(out)));
    expect(result.rows).toBe(40);
  });

  test('finds finished tables and does nothing', async () => {
    const out = scratch();
    await runAll(embedFiles(options(out)));
    const before = filesIn(out);
    const batches: number[] = [];
    const spaces = [new ToySpace('a', { model: '1', onBatch: (n) => batches.push(n) })];
    const { result, events } = await runAll(embedFiles(options(out, { spaces })));
    expect(result).toMatchObject({ rows: 40, skipped: 0, reused: true });
    expect(events).toEqual([{ type: 'done', stage: 'a', path: join(out, 'a.text.npy'), reused: true }]);
    expect([filesIn(out), batches]).toEqual([before, []]);
  });

  test.each([
    ['inputs', { items: textItems(words(41)) }, 'inputs.items is 40 there and 41 here'],
    ['order', { items: textItems([...words(40)].reverse()) }, 'inputs.sha256'],
    ['model files', { spaces: [new ToySpace('a', { model: '2' })] }, 'depends.model is "1" there and "2" here'],
    ['dtype', { dtype: 'f2' }, 'dtype is "f4" there and "f2" here'],
    ['batch', { batch: 8 }, 'batch is 16 there and 8 here'],
  ] as const)('refuses to go on, or to take what is there, with other %s', async (_, more, said) => {
    const out = scratch();
    const slow = options(out, { spaces: [new ToySpace('a', { model: '1', delayMs: 250 })] });
    await stopAfter(16, slow);
    await expect(runAll(embedFiles(options(out, more)))).rejects.toMatchObject({
      code: 'FREEBIND_CHECKPOINT_INVALID',
      message: expect.stringContaining(said),
    });
    await runAll(embedFiles(options(out)));
    await expect(runAll(embedFiles(options(out, more)))).rejects.toMatchObject({
      code: 'FREEBIND_OUTPUT_EXISTS',
      message: expect.stringContaining(said),
    });
    const { result } = await runAll(embedFiles(options(out, { ...more, replace: true })));
    expect(result.reused).toBe(false);
  });

  test("does not replace a table that is not freebind's own, unless told to", async () => {
    const out = scratch();
    await writeNpy(join(out, 'a.text.npy'), normaliseRows(matrix(3, 4, new Float32Array(12).fill(1))));
    await expect(runAll(embedFiles(options(out)))).rejects.toMatchObject({ code: 'FREEBIND_OUTPUT_EXISTS' });
    const { result } = await runAll(embedFiles(options(out, { replace: true })));
    expect(result.rows).toBe(40);
  });

  test('refuses the table of a space in the other format, and replaces it when told to', async () => {
    const out = scratch();
    await runAll(embedFiles(options(out)));
    const before = filesIn(out);
    const other = options(out, { format: 'safetensors', items: textItems([...words(40)].reverse()) });
    await expect(runAll(embedFiles(other))).rejects.toMatchObject({
      code: 'FREEBIND_OUTPUT_EXISTS',
      message: expect.stringContaining(join(out, 'a.text.npy')),
    });
    expect(filesIn(out)).toEqual(before);
    await runAll(embedFiles({ ...other, replace: true }));
    expect(readdirSync(out).sort()).toEqual(['a.text.json', 'a.text.safetensors', 'text.ids.txt']);
  });

  test('does not take a table for its own that something else wrote beside its record', async () => {
    const out = scratch();
    await runAll(embedFiles(options(out)));
    const rows = await new ToySpace('a').embed('text', [...words(40)].reverse());
    await writeNpy(join(out, 'a.text.npy'), rows);
    await expect(runAll(embedFiles(options(out)))).rejects.toMatchObject({
      code: 'FREEBIND_OUTPUT_EXISTS',
      message: expect.stringContaining('something else wrote it since'),
    });
  });

  test('takes a table for its own whose record has no head, as older ones', async () => {
    const out = scratch();
    await runAll(embedFiles(options(out)));
    const record = join(out, 'a.text.json');
    const { head: _, ...older } = JSON.parse(readFileSync(record, 'utf8')) as Record<string, unknown>;
    writeFileSync(record, JSON.stringify(older));
    expect((await runAll(embedFiles(options(out)))).result.reused).toBe(true);
    const merged = await runAll(mergeShards({ out, modality: 'text', spaces: ['a'] }));
    expect(merged.result).toMatchObject({ rows: 40, reused: true });
  });

  test('knows finished tables in a copy of their folder', async () => {
    const [out, copy] = [scratch(), scratch()];
    await runAll(embedFiles(options(out)));
    cpSync(out, copy, { recursive: true });
    expect((await runAll(embedFiles(options(copy)))).result.reused).toBe(true);
  });

  test('refuses a second writer', async () => {
    const out = scratch();
    const lock = await lockFolder(workOf(out));
    await expect(runAll(embedFiles(options(out)))).rejects.toMatchObject({ code: 'FREEBIND_OUTPUT_BUSY' });
    await lock.release();
  });

  test('stops when told to and goes on to the same bytes', async () => {
    const [whole, out] = [scratch(), scratch()];
    await runAll(embedFiles(options(whole, { items: textItems(words(100)) })));
    const stop = new AbortController();
    const slow = options(out, {
      items: textItems(words(100)),
      spaces: [new ToySpace('a', { model: '1', delayMs: 250 })],
      signal: stop.signal,
    });
    const stopped = runAll(embedFiles(slow), ({ type }) => {
      if (type === 'rows') stop.abort();
    });
    await expect(stopped).rejects.toMatchObject({ code: 'FREEBIND_ABORTED' });
    expect(readdirSync(out)).toEqual(['.embed']);
    const { events } = await runAll(embedFiles(options(out, { items: textItems(words(100)) })));
    expect(events[0]).toMatchObject({ type: 'stage', total: 100 });
    expect(events[0]).not.toMatchObject({ done: 0 });
    expect(filesIn(out)).toEqual(filesIn(whole));
  });
});

async function unfinished(): Promise<{ readonly out: string; readonly whole: Readonly<Record<string, string>> }> {
  const [out, whole] = [scratch(), scratch()];
  await runAll(embedFiles(options(whole, { items: textItems(words(100)) })));
  const slow = new ToySpace('a', { model: '1', delayMs: 250 });
  await stopAfter(32, options(out, { items: textItems(words(100)), spaces: [slow] }));
  // Two chunks, however many there were when it stopped.
  const lines = readFileSync(join(workOf(out), 'journal'), 'utf8').split('\n');
  writeFileSync(join(workOf(out), 'journal'), `${lines.slice(0, 2).join('\n')}\n`);
  return { out, whole: filesIn(whole) };
}

describe('unfinished work', () => {
  test.each([
    ['a torn line of the journal', (dir: string) => appendFileSync(join(dir, 'journal'), '0123abcd {"items":16'), 32],
    ['rows whose line was not written', (dir: string) => appendFileSync(join(dir, 'rows-0'), 'xxxx'), 32],
    ['a column that was cut short', (dir: string) => truncateSync(join(dir, 'rows-0'), 300), 16],
    ['a column that is gone', (dir: string) => writeFileSync(join(dir, 'ids.txt'), ''), 0],
    [
      'a flipped bit in a row',
      (dir: string) => {
        const bytes = readFileSync(join(dir, 'rows-0'));
        bytes[260] = (bytes[260] ?? 0) ^ 4;
        writeFileSync(join(dir, 'rows-0'), bytes);
      },
      16,
    ],
    [
      'a flipped bit in the journal',
      (dir: string) => {
        const bytes = readFileSync(join(dir, 'journal'));
        bytes[20] = (bytes[20] ?? 0) ^ 1;
        writeFileSync(join(dir, 'journal'), bytes);
      },
      0,
    ],
  ])('goes on from before %s, to the same bytes', async (_, damage, kept) => {
    const { out, whole } = await unfinished();
    damage(workOf(out));
    const { events } = await runAll(embedFiles(options(out, { items: textItems(words(100)) })));
    expect(events[0]).toMatchObject({ type: 'stage', done: kept });
    expect(filesIn(out)).toEqual(whole);
  });

  test('without a row is no obstacle to another run', async () => {
    const out = scratch();
    const broken = new ToySpace('a', { model: '1' });
    const failing = Object.assign(broken, {
      embedEach: async () => {
        throw new FreebindError('FREEBIND_DEVICE_UNAVAILABLE', 'There is no such device.');
      },
    });
    const run = runAll(embedFiles(options(out, { spaces: [failing] })));
    await expect(run).rejects.toMatchObject({ code: 'FREEBIND_DEVICE_UNAVAILABLE' });
    expect((await runAll(embedFiles(options(out, { spaces: [new ToySpace('a', { model: '2' })] })))).result.rows).toBe(
      40,
    );
  });

  test('whose journal is damaged in its first line is not thrown away for another run', async () => {
    const { out, whole } = await unfinished();
    const [journal, rows] = ['journal', 'rows-0'].map((name) => join(workOf(out), name));
    const bytes = readFileSync(journal ?? '');
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    writeFileSync(journal ?? '', bytes);
    const other = options(out, { items: textItems(words(100)), batch: 8 });
    await expect(runAll(embedFiles(other))).rejects.toMatchObject({
      code: 'FREEBIND_CHECKPOINT_INVALID',
      message: expect.stringContaining('batch is 16 there and 8 here'),
    });
    expect(readFileSync(rows ?? '').length).toBeGreaterThan(0);
    await runAll(embedFiles(options(out, { items: textItems(words(100)) })));
    expect(filesIn(out)).toEqual(whole);
  });

  test('is not taken from a folder of somebody else', async () => {
    const out = scratch();
    mkdirSync(workOf(out), { recursive: true });
    writeFileSync(join(workOf(out), 'thesis.txt'), 'do not delete');
    await expect(runAll(embedFiles(options(out)))).rejects.toMatchObject({ code: 'FREEBIND_OUTPUT_EXISTS' });
  });
});

describe('beside tables of other spaces', () => {
  test('rows stay aligned: what their run skipped is skipped again', async () => {
    const out = scratch();
    await runAll(embedFiles(options(out, { spaces: [new ToySpace('a', { refuses: 'word 3' })] })));
    const { result } = await runAll(embedFiles(options(out, { spaces: [new ToySpace('b')] })));
    expect(result).toMatchObject({ rows: 29, skipped: 11 });
    const tables = await openTables(out);
    expect([tables.spaces, tables.rows('text'), (await tables.ids('text'))?.length]).toEqual([['a', 'b'], 29, 29]);
    await tables.close();
  });

  test('files that changed since the other space embedded them are told, and embedded', async () => {
    const [out, media] = [scratch(), scratch()];
    const paths = words(20).map((word) => join(media, `${word}.txt`));
    for (const path of paths) writeFileSync(path, path);
    const items = filesOf(paths, 'text');
    await runAll(embedFiles(options(out, { items })));
    const b = options(out, { items, spaces: [new ToySpace('b')] });
    const warnings = async (): Promise<readonly unknown[]> =>
      (await runAll(embedFiles({ ...b, replace: true }))).events.filter(({ type }) => type === 'warning');
    expect(await warnings()).toEqual([]);
    await wait(10); // the clocks of disks tick in steps of up to that
    replaceFile(paths[3] ?? '');
    expect(await warnings()).toMatchObject([
      { message: expect.stringMatching(/^\S+word 3\.txt was changed .*a\.text\.npy/) },
    ]);
  });

  test.each([
    ['an input that the other space has a row for and this one refuses', { refuses: 'word 35' }, words(40), /word 35/],
    ['fewer inputs', {}, words(39), /it has a row for word 39, which is not given/],
    ['more inputs', {}, words(41), /its row 40 is not there, and word 40 is given/],
    ['inputs in another order', {}, [...words(40)].reverse(), /its row 0 is of word 0, and word 39 is given/],
  ])('%s is refused', async (_, toy, texts, said) => {
    const out = scratch();
    await runAll(embedFiles(options(out)));
    const before = filesIn(out);
    const items = textItems(texts);
    const run = runAll(embedFiles(options(out, { items, spaces: [new ToySpace('b', toy)] })));
    await expect(run).rejects.toMatchObject({
      code: 'FREEBIND_ROWS_MISALIGNED',
      message: expect.stringMatching(said),
    });
    expect(filesIn(out)).toMatchObject(before);
  });
});
