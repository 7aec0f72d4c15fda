import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesIn, runAll, scratch, textItems, words } from '../test/embedding.ts';
import { ToySpace } from '../test/toy-spaces.ts';
import { embedFiles, type EmbedOptions } from './embed-files.ts';
import { mergeShards } from './merge-shards.ts';

const spaces = (): readonly ToySpace[] => [new ToySpace('a', { refuses: 'word 5' }), new ToySpace('b')];
const options = (out: string, index: number, count: number, texts = words(100)): EmbedOptions => ({
  spaces: spaces(),
  modality: 'text',
  items: textItems(texts),
  out,
  shard: { index, count },
});
const merge = (out: string) => runAll(mergeShards({ out, modality: 'text', spaces: ['b', 'a'] }));

test.each([2, 3, 9])('%i shards, merged, are the bytes of a run without', async (count) => {
  const [whole, out] = [scratch(), scratch()];
  const { result } = await runAll(embedFiles({ ...options(whole, 0, 1) }));
  for (let index = count - 1; index >= 0; index--) await runAll(embedFiles(options(out, index, count)));
  expect((await merge(out)).result).toMatchObject({ rows: result.rows, skipped: result.skipped });
  expect(filesIn(out)).toEqual(filesIn(whole));
});

test('a merge that is run again finds its work done, and so does a shard', async () => {
  const out = scratch();
  for (const index of [0, 1]) await runAll(embedFiles(options(out, index, 2)));
  const { result } = await merge(out);
  expect((await merge(out)).result).toMatchObject({ rows: result.rows, reused: true });
  expect((await runAll(embedFiles(options(out, 1, 2)))).result).toMatchObject({ reused: true });
});

/** Files of a shard in two spaces; its identity goes last. */
const PART = ['rows-0', 'rows-1', 'ids.txt', 'skipped.jsonl', 'journal', 'run.json'];

describe.each([false, true])('a merge, replacing: %s, that was killed while it cleared its shards away', (replace) => {
  test.each([
    ['nothing', []],
    ['rows of the first shard', ['0-of-3/rows-0']],
    ['all but the identity of the first shard', ['0-of-3/rows-0', '0-of-3/journal', '0-of-3/rows-1']],
    ['two shards', ['0-of-3', '1-of-3']],
    ['all identities', ['0-of-3', '1-of-3', ...PART.map((name) => `2-of-3/${name}`)]],
    ['all shards', ['0-of-3', '1-of-3', '2-of-3']],
  ])('does the rest when it is run again, with %s gone', async (_, gone) => {
    const [whole, out] = [scratch(), scratch()];
    const { rows, skipped } = (await runAll(embedFiles(options(whole, 0, 1)))).result;
    for (const index of [0, 1, 2]) await runAll(embedFiles(options(out, index, 3)));
    const given = { out, modality: 'text', spaces: ['a', 'b'], replace };
    for await (const event of mergeShards(given)) if (event.type === 'done' && event.stage === 'b') break;
    for (const path of gone) rmSync(join(out, '.embed/text', path), { recursive: true });
    const { result } = await runAll(mergeShards(given));
    expect(result).toMatchObject({ rows, skipped, reused: true });
    expect(filesIn(out)).toEqual(filesIn(whole));
  });
});

test('shards of another list that were made after such a kill are merged', async () => {
  const [whole, out] = [scratch(), scratch()];
  await runAll(embedFiles({ ...options(whole, 0, 1, words(90)) }));
  for (const index of [0, 1]) await runAll(embedFiles(options(out, index, 2)));
  for await (const event of mergeShards({ out, modality: 'text', spaces: ['a', 'b'] }))
    if (event.type === 'done') break;
  for (const index of [0, 1]) await runAll(embedFiles({ ...options(out, index, 2, words(90)), replace: true }));
  await runAll(mergeShards({ out, modality: 'text', spaces: ['a', 'b'], replace: true }));
  expect(filesIn(out)).toEqual(filesIn(whole));
});

/** Leaves `out` as a merge of two shards that is killed when only its marker is left to clear away. */
async function killedMerge(out: string): Promise<void> {
  for (const index of [0, 1]) await runAll(embedFiles(options(out, index, 2)));
  for await (const event of mergeShards({ out, modality: 'text', spaces: ['a', 'b'] }))
    if (event.type === 'done') break;
  for (const index of [0, 1]) rmSync(join(out, `.embed/text/${index}-of-2`), { recursive: true });
}

test('shards of the same list that were embedded anew after such a kill are merged', async () => {
  const [whole, out] = [scratch(), scratch()];
  // The same names and model files, and other rows: what changed files give.
  const changed = [new ToySpace('a', { refuses: 'word 7' }), new ToySpace('b')];
  await runAll(embedFiles({ ...options(whole, 0, 1), spaces: changed }));
  await killedMerge(out);
  for (const index of [0, 1]) await runAll(embedFiles({ ...options(out, index, 2), spaces: changed, replace: true }));
  const { result } = await runAll(mergeShards({ out, modality: 'text', spaces: ['a', 'b'], replace: true }));
  expect(result.reused).toBe(false);
  expect(filesIn(out)).toEqual(filesIn(whole));
});

test('a shard that is run again after such a kill finds its rows in the tables, and the merge does the rest', async () => {
  const [whole, out] = [scratch(), scratch()];
  await runAll(embedFiles(options(whole, 0, 1)));
  for (const index of [0, 1]) await runAll(embedFiles(options(out, index, 2)));
  for await (const event of mergeShards({ out, modality: 'text', spaces: ['a', 'b'] }))
    if (event.type === 'done') break;
  expect((await runAll(embedFiles(options(out, 0, 2)))).result.reused).toBe(true);
  expect((await merge(out)).result.reused).toBe(true);
  expect(readdirSync(out)).not.toContain('.embed');
  expect(filesIn(out)).toEqual(filesIn(whole));
});

test('whole tables are not replaced by a run or a merge of another list after such a kill, unless told to', async () => {
  const [out, other] = [scratch(), scratch()];
  await killedMerge(out);
  const exists = { code: 'FREEBIND_OUTPUT_EXISTS' };
  await expect(runAll(embedFiles(options(out, 0, 1, words(90))))).rejects.toMatchObject(exists);
  await expect(runAll(embedFiles(options(out, 0, 2, words(90))))).rejects.toMatchObject(exists);
  for (const index of [0, 1]) {
    await runAll(embedFiles(options(other, index, 2, words(90))));
    renameSync(join(other, `.embed/text/${index}-of-2`), join(out, `.embed/text/${index}-of-2`));
  }
  await expect(merge(out)).rejects.toMatchObject(exists);
});

test('a merge does not make a second table of a space in another format, unless told to', async () => {
  const out = scratch();
  await runAll(embedFiles(options(out, 0, 1)));
  await runAll(embedFiles({ ...options(out, 0, 1), out: `${out}/parts`, shard: { index: 0, count: 2 } }));
  await runAll(embedFiles({ ...options(out, 0, 1), out: `${out}/parts`, shard: { index: 1, count: 2 } }));
  renameSync(join(out, 'parts/.embed'), join(out, '.embed'));
  const given = { out, modality: 'text', spaces: ['a', 'b'], format: 'safetensors' } as const;
  await expect(runAll(mergeShards(given))).rejects.toMatchObject({ code: 'FREEBIND_OUTPUT_EXISTS' });
  await runAll(mergeShards({ ...given, replace: true }));
  expect(readdirSync(out).filter((name) => /npy|safetensors/.test(name))).toEqual([
    'a.text.safetensors',
    'b.text.safetensors',
  ]);
});

test('a merge is refused beside rows of the same inputs in another order', async () => {
  const out = scratch();
  for (const index of [0, 1]) await runAll(embedFiles(options(out, index, 2)));
  const reversed = textItems([...words(100)].reverse());
  const c = { spaces: [new ToySpace('c', { refuses: 'word 5' })], modality: 'text', items: reversed, out } as const;
  await runAll(embedFiles(c));
  await expect(merge(out)).rejects.toMatchObject({
    code: 'FREEBIND_ROWS_MISALIGNED',
    message: expect.stringContaining('its row 0 is of word 99, and word 0 is given'),
  });
  expect(readdirSync(out).filter((name) => name.endsWith('.npy'))).toEqual(['c.text.npy']);
  await runAll(embedFiles({ ...c, items: textItems(words(100)), replace: true }));
  await merge(out);
});

test('a merge names the shards that are missing or not complete', async () => {
  const out = scratch();
  await expect(merge(out)).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
  await runAll(embedFiles(options(out, 0, 2)));
  await expect(merge(out)).rejects.toThrow(/1-of-2 is not there/);
  const slow = [new ToySpace('a', { refuses: 'word 5', delayMs: 250 }), new ToySpace('b')];
  for await (const event of embedFiles({ ...options(out, 1, 2), spaces: slow })) if (event.type === 'rows') break;
  await expect(merge(out)).rejects.toThrow(/shard 1 of 2 has 16 of 48 inputs/);
});

test('shards of different lists, spaces or divisions are not merged', async () => {
  const out = scratch();
  await runAll(embedFiles(options(out, 0, 2)));
  await runAll(embedFiles(options(out, 1, 2, words(99))));
  await expect(merge(out)).rejects.toMatchObject({
    code: 'FREEBIND_CHECKPOINT_INVALID',
    message: expect.stringContaining('inputs.items is 100 there and 99 here'),
  });
  await runAll(embedFiles({ ...options(out, 1, 2), replace: true }));
  await expect(runAll(mergeShards({ out, modality: 'text', spaces: ['a'] }))).rejects.toMatchObject({
    code: 'FREEBIND_SPACE_MISMATCH',
  });
  await runAll(embedFiles(options(out, 2, 3)));
  await expect(merge(out)).rejects.toThrow(/only one division/);
});

test('a shard that was damaged after it was done is named, done again and merged', async () => {
  const [whole, out] = [scratch(), scratch()];
  await runAll(embedFiles(options(whole, 0, 1)));
  for (const index of [0, 1]) await runAll(embedFiles(options(out, index, 2)));
  const rows = join(out, '.embed/text/1-of-2/rows-1');
  const bytes = readFileSync(rows);
  bytes[400] = (bytes[400] ?? 0) ^ 1;
  writeFileSync(rows, bytes);
  await expect(merge(out)).rejects.toMatchObject({
    code: 'FREEBIND_CHECKPOINT_INVALID',
    message: expect.stringContaining('1-of-2'),
  });
  const { events } = await runAll(embedFiles(options(out, 1, 2)));
  expect(events).toContainEqual(expect.objectContaining({ type: 'warning' }));
  await merge(out);
  expect(filesIn(out)).toEqual(filesIn(whole));
});
