import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { pieceName, prunePieces } from './pieces.ts';

test('the oldest pieces go first, and those to keep stay, but not their parts', async ({ onTestFinished }) => {
  const folder = await mkdtemp(join(tmpdir(), 'freebind-pieces-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const [old, table, head, young] = ['old', 'table', 'head', 'young'].map((name) => pieceName(name));
  const names = [`${table}.npy`, `${table}.npy.sha256`, `${table}.rows-0-4096.npy`, `${old}.npy`, `${young}.npy`];
  await mkdir(join(folder, `${head}`));
  await writeFile(join(folder, `${head}`, 'weights.safetensors'), new Uint8Array(100));
  for (const name of names) await writeFile(join(folder, name), new Uint8Array(100));
  for (const [i, name] of [`${head}`, ...names].entries()) await utimes(join(folder, name), 1000 + i, 1000 + i);
  const keep = new Set([`${table}`, `${head}`]);

  await prunePieces(folder, 400, keep);
  expect((await readdir(folder)).sort()).toEqual(
    [`${head}`, `${table}.npy`, `${table}.npy.sha256`, `${young}.npy`].sort(),
  );
  await prunePieces(folder, 0, keep);
  expect((await readdir(folder)).sort()).toEqual([`${head}`, `${table}.npy`, `${table}.npy.sha256`].sort());
});

test('what is no piece stays where it is, and does not count', async ({ onTestFinished }) => {
  const folder = await mkdtemp(join(tmpdir(), 'freebind-pieces-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const [old, young] = ['old', 'young'].map((name) => pieceName(name));
  // By other hands, and by a run that is writing a piece.
  const others = ['notes.txt', 'table.npy', '.freebind-0123456789abcdef-7-7-0123456789ab-01234567.new', 'bonds'];
  await mkdir(join(folder, 'bonds'));
  await writeFile(join(folder, 'bonds', 'weights.safetensors'), new Uint8Array(100));
  const names = ['notes.txt', 'table.npy', others[2] ?? '', `${old}.npy`, `${young}.npy`];
  for (const name of names) await writeFile(join(folder, name), new Uint8Array(100));
  for (const [i, name] of [...others, ...names.slice(3)].entries())
    await utimes(join(folder, name), 1000 + i, 1000 + i);

  await prunePieces(folder, 100, new Set());
  expect((await readdir(folder)).sort()).toEqual([...others, `${young}.npy`].sort());
});
