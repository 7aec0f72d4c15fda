import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { toyRun } from '../../test/toy-run.ts';
import { openNpy, writeNpy } from '../files/npy.ts';
import { matrix, normalMatrix, random, type Table, tableOf } from '../index.ts';
import { batchOrder } from './batch-order.ts';
import { planReadAhead, readAhead } from './read-ahead.ts';
import { type RunOptions, train, type Trained } from './run.ts';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'freebind-read-ahead-'))));
afterEach(async () => rm(folder, { recursive: true, force: true }));

/** A table that counts the rows that are gathered from it, and fails from the given call on. */
function counted(rows: number, cols: number, failsAt = Infinity): { readonly table: Table; readonly calls: number[] } {
  const inner = tableOf(normalMatrix(rows, cols, random('rows')));
  const calls: number[] = [];
  const gather = async (indices: ArrayLike<number>) => {
    if (calls.push(indices.length) >= failsAt) throw new Error('the disk is gone');
    return inner.gather(indices);
  };
  return { table: { ...inner, gather }, calls };
}

const order = batchOrder({ seed: 1, stage: 's', items: 100, batch: 10, blocks: { rows: 5, window: 30 } });

test('each row is read once an epoch, a window at a time, and one window ahead of the steps', async () => {
  const { table, calls } = counted(100, 3);
  const reader = readAhead({ x: table }, { rowsOf: order, steps: 10, batches: 3 });
  for (let step = 0; step < 10; step++) {
    await reader.advance(step);
    expect(calls).toEqual([30, 30, 30, 10].slice(0, Math.floor(step / 3) + 2));
    const rows = order(step);
    expect(await reader.tables['x']?.gather(rows)).toEqual(
      await tableOf(normalMatrix(100, 3, random('rows'))).gather(rows),
    );
  }
  expect(calls).toEqual([30, 30, 30, 10]);
  await reader.close();
});

test('two memories a table serve all windows, and those of ever fewer rows too', async () => {
  const inner = tableOf(normalMatrix(100, 3, random('rows')));
  const memories = new Set<unknown>();
  const gather: Table['gather'] = async (indices, into) => {
    memories.add(into?.buffer);
    return inner.gather(indices, into);
  };
  const reader = readAhead({ x: { ...inner, gather } }, { rowsOf: order, steps: 10, batches: 3 });
  for (let step = 0; step < 10; step++) {
    await reader.advance(step);
    expect(await reader.tables['x']?.gather(order(step))).toEqual(await inner.gather(order(step)));
  }
  expect([memories.size, memories.has(undefined)]).toEqual([2, false]);
  await reader.close();
});

test('a run that goes on in the middle of a window begins with that window', async () => {
  const { table, calls } = counted(100, 3);
  const reader = readAhead({ x: table }, { rowsOf: order, steps: 10, batches: 3 });
  await reader.advance(7);
  await reader.tables['x']?.gather(order(7));
  expect(calls).toEqual([30, 10]);
  await reader.close();
});

test('rows of no window come from the table itself', async () => {
  const { table } = counted(100, 3);
  const reader = readAhead({ x: table }, { rowsOf: order, steps: 10, batches: 3 });
  await reader.advance(0);
  const all = Int32Array.from({ length: 100 }, (_, i) => 99 - i);
  expect(await reader.tables['x']?.gather(all)).toEqual(await table.gather(all));
  expect(await reader.tables['x']?.read(2, 4)).toEqual(await table.read(2, 4));
  await reader.close();
});

test('an error of reading ahead is the one of the step that needs the rows', async () => {
  const { table } = counted(100, 3, 2);
  const reader = readAhead({ x: table }, { rowsOf: order, steps: 10, batches: 3 });
  for (const step of [0, 1, 2]) await reader.advance(step);
  await expect(reader.advance(3)).rejects.toThrow('the disk is gone');
  await reader.close();
});

test('two windows of whole batches fit into the memory that is given, and a window has 64 blocks or more', async () => {
  const tables = [tableOf(matrix(10, 1024)), tableOf(matrix(10, 768))];
  // A row takes 4 · 1792 bytes, a batch of 512 of them 3.5 MiB; two windows of nine batches are 63 MiB.
  expect(await planReadAhead(tables, 512, 64 * 2 ** 20)).toEqual({ batches: 9, blocks: { rows: 43, window: 4608 } });
  expect(await planReadAhead(tables, 512, 2 ** 20)).toEqual({ batches: 1, blocks: { rows: 8, window: 512 } });
});

async function result(options: RunOptions): Promise<Trained> {
  const run = train(options);
  for (;;) {
    const next = await run.next();
    if (next.done === true) return next.value;
  }
}

test('a run from files is the run of the same order in memory, and goes on bit for bit', async () => {
  const { tables } = toyRun();
  const files: Record<string, Table & { close(): Promise<void> }> = {};
  for (const [name, table] of Object.entries(tables)) {
    const path = join(folder, `${name}.npy`);
    await writeNpy(path, await table.read(0, table.rows), { dtype: 'f8' });
    files[name] = await openNpy(path);
  }
  const checkpoints = { folder: join(folder, 'checkpoints'), everySteps: 5 };
  const whole = await result(toyRun({ tables: files, fromFiles: true }));
  expect(await result(toyRun({ tables, fromFiles: true }))).toEqual(whole);

  const stop = new AbortController();
  const run = train(toyRun({ tables: files, fromFiles: true, checkpoints, signal: stop.signal }));
  await expect(
    (async () => {
      for await (const event of run) if (event.type === 'step' && event.step === 7) stop.abort();
    })(),
  ).rejects.toMatchObject({ code: 'FREEBIND_ABORTED' });
  expect(await result(toyRun({ tables: files, fromFiles: true, checkpoints }))).toEqual(whole);
  await expect(result(toyRun({ tables: files, checkpoints }))).rejects.toThrow(/blocks/);
  await Promise.all(Object.values(files).map((file) => file.close()));
});
