import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scratch } from '../test/embedding.ts';
import { fieldOf, filesOf, listedIn, textsOf } from './inputs.ts';
import type { Item, Items } from './items.ts';

async function all(items: Items): Promise<readonly Item[]> {
  const found: Item[] = [];
  for await (const item of items()) found.push(item);
  return found;
}

/** A folder with files of these paths. */
function tree(...paths: readonly string[]): string {
  const dir = scratch();
  for (const path of paths) {
    mkdirSync(join(dir, path, '..'), { recursive: true });
    writeFileSync(join(dir, path), path);
  }
  return dir;
}

const clips = (): string =>
  tree(
    'b/2.wav',
    'b/10.wav',
    'b/a.txt',
    'B.wav',
    'a.wav',
    'é.wav',
    '.hidden.wav',
    '.git/x.wav',
    'b/c/d/e.FLAC',
    'x[1].wav',
  );
const ids = async (root: string, ...patterns: readonly string[]): Promise<readonly string[]> =>
  (
    await all(
      filesOf(
        patterns.map((pattern) => join(root, pattern)),
        'audio',
      ),
    )
  ).map(({ id }) => id.slice(root.length + 1));

describe('filesOf', () => {
  test.each([
    ['**/*.wav', ['B.wav', 'a.wav', 'b/10.wav', 'b/2.wav', 'x[1].wav', 'é.wav']],
    ['*.wav', ['B.wav', 'a.wav', 'x[1].wav', 'é.wav']],
    ['b/*.{wav,txt}', ['b/10.wav', 'b/2.wav', 'b/a.txt']],
    ['*/[0-9].wav', ['b/2.wav']],
    ['[!a]*.wav', ['B.wav', 'x[1].wav', 'é.wav']],
    ['b/[[:digit:]]*.wav', ['b/10.wav', 'b/2.wav']],
    ['b/**', ['b/10.wav', 'b/2.wav', 'b/a.txt', 'b/c/d/e.FLAC']],
    ['.*.wav', ['.hidden.wav']],
    ['.*/x.wav', ['.git/x.wav']],
    ['**/.git/*.wav', ['.git/x.wav']],
    ['*/*/{d,.h}/*', ['b/c/d/e.FLAC']],
    ['{b,b/c/d}/*.{wav,FLAC}', ['b/10.wav', 'b/2.wav', 'b/c/d/e.FLAC']],
    ['{b/c/{d,x},b}/{e.FLA?,[a-z].txt}', ['b/c/d/e.FLAC', 'b/a.txt']],
    ['@(a|b/c)/d/*', ['b/c/d/e.FLAC']],
    ['.', ['B.wav', 'a.wav', 'b/10.wav', 'b/2.wav', 'b/c/d/e.FLAC', 'x[1].wav', 'é.wav']],
    ['b/', ['b/10.wav', 'b/2.wav', 'b/c/d/e.FLAC']],
    ['x[1].wav', ['x[1].wav']],
  ])('%s gives its files in the order of their names', async (pattern, expected) => {
    expect(await ids(clips(), pattern)).toEqual(expected);
  });

  test('keeps the order in which things are named, twice if they are', async () => {
    expect(await ids(clips(), 'b/2.wav', '*.wav', 'gone.wav')).toEqual([
      'b/2.wav',
      'B.wav',
      'a.wav',
      'x[1].wav',
      'é.wav',
      'gone.wav',
    ]);
  });

  test('takes a folder that is named like a file for a file, unless its name ends with a slash', async () => {
    const root = tree('dir.wav/a.wav', 'b.wav');
    expect(await ids(root, 'b.wav', 'dir.wav')).toEqual(['b.wav', 'dir.wav']);
    expect((await all(filesOf([`${root}/dir.wav/`], 'audio'))).map(({ id }) => id)).toEqual([`${root}/dir.wav/a.wav`]);
  });

  test('takes addresses as they are', async () => {
    const address = 'https://example.org/*.wav?x=[1]';
    expect(await all(filesOf([address], 'audio'))).toEqual([{ id: address, path: address }]);
  });

  test('follows links to files and not to folders, so that a loop ends', async () => {
    const root = tree('a/1.wav');
    symlinkSync(root, join(root, 'a', 'loop'));
    symlinkSync(join(root, 'a/1.wav'), join(root, 'a', '2.wav'));
    symlinkSync(join(root, 'gone.wav'), join(root, 'a', '3.wav'));
    // A file that is missed is one that embedding lists as skipped.
    expect(await ids(root, '**/*.wav')).toEqual(['a/1.wav', 'a/2.wav', 'a/3.wav']);
    expect(await ids(root, '.')).toEqual(['a/1.wav', 'a/2.wav', 'a/3.wav']);
  });

  test('enters a linked folder that the pattern names with a star, as a shell does', async () => {
    const [root, far] = [tree('a/1.wav'), tree('2.wav', 'deep/3.wav')];
    symlinkSync(far, join(root, 'b'));
    symlinkSync(root, join(root, 'loop'));
    expect(await ids(root, '*/*.wav')).toEqual(['a/1.wav', 'b/2.wav']);
    expect(await ids(root, '[ab]/**/*.wav')).toEqual(['a/1.wav', 'b/2.wav', 'b/deep/3.wav']);
    expect(await ids(root, '**/*.wav')).toEqual(['a/1.wav']);
  });

  test('takes braces around whole paths', async () => {
    const root = tree('a/x.wav', 'b/y.wav', 'b/z.wav');
    const items = await all(filesOf([`{${root}/b/*,${root}/a/x,${root}/gone}.wav`], 'audio'));
    expect(items.map(({ id }) => id.slice(root.length + 1))).toEqual(['b/y.wav', 'b/z.wav', 'a/x.wav', 'gone.wav']);
  });

  test.each([
    ['{1}*.wav', ['{1}a.wav', '{1}b.wav']],
    ['{1}{a,b}.wav', ['{1}a.wav', '{1}b.wav']],
    ['\\{1\\}[ab].wav', ['{1}a.wav', '{1}b.wav']],
    ['[{]1}a.wa?', ['{1}a.wav']],
    ['{{1},c}b*', ['{1}b.wav']],
    ['{d}/{e*', ['{d}/{e.wav']],
    ['{1..2}*', ['1.wav']],
    ['{gone} [1].wav', ['{gone} [1].wav']],
    ['{1}c.wav', ['{1}c.wav']],
  ])('takes braces without a choice in them as they are: %s', async (pattern, expected) => {
    expect(await ids(tree('{1}a.wav', '{1}b.wav', '{d}/{e.wav', '1.wav', '1a.mp3/x'), pattern)).toEqual(expected);
  });

  test('finds a folder whose name has the characters of a pattern', async () => {
    const root = tree('take [1] (best)/1.wav');
    expect(await ids(root, 'take [1] (best)')).toEqual(['take [1] (best)/1.wav']);
  });

  test('takes a path that only has brackets or parentheses for a file that is not there, if nothing matches', async () => {
    const root = tree('a.wav');
    const names = ['gone [1].wav', 'gone (best).wav', 'nowhere/gone [1].wav'];
    expect(await ids(root, ...names, 'a.wav')).toEqual([...names, 'a.wav']);
    await expect(ids(root, 'gone [1]*.wav')).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
  });

  test('counts patterns from the working directory', async () => {
    const items = await all(filesOf(['packages/embed/src/ite*.ts', './packages/embed/ts*.json'], 'text'));
    expect(items.map(({ id }) => id)).toEqual(['packages/embed/src/items.ts', 'packages/embed/tsconfig.json']);
  });

  test('refuses a pattern without files, and a folder that cannot be read', async () => {
    const root = tree('a/1.wav');
    await expect(ids(root, '*.mp3')).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
    await expect(ids(root, 'nowhere/*.wav')).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
    if (process.getuid?.() === 0) return; // root may read everything
    chmodSync(join(root, 'a'), 0);
    await expect(ids(root, '**/*.wav')).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
    chmodSync(join(root, 'a'), 0o755);
  });
});

const file = (content: string | Uint8Array): string => {
  const path = join(scratch(), 'list');
  writeFileSync(path, content);
  return path;
};

describe('lists', () => {
  test('paths, one a line, whatever ends it', async () => {
    expect((await all(listedIn(file('a.wav\r\nb b.wav\n\nhttp://x/c.wav')))).map(({ path }) => path)).toEqual([
      'a.wav',
      'b b.wav',
      'http://x/c.wav',
    ]);
  });

  test('texts keep what only looks like the end of a line, and empty lines are texts', async () => {
    const long = 'é'.repeat(300_000); // longer than what is read at a time, which cuts characters in two
    const texts = ['a dog barks', '', 'one\u2028line', 'carriage\rreturn', long, '🐕'];
    const items = await all(textsOf(file(`${texts.join('\n')}\n`)));
    expect(items.map(({ text }) => text)).toEqual(texts);
    expect(items.map(({ id }) => id)).toEqual(texts.with(3, 'carriage return')); // an id is one line
  });

  test('fields of JSON lines, with ids of their own or without', async () => {
    const path = file('{"caption":"a\\ndog","n":7}\n\n{"n":"x","caption":"cat"}\n');
    expect(await all(fieldOf(path, { text: 'caption' }))).toEqual([
      { id: 'a dog', text: 'a\ndog' },
      { id: 'cat', text: 'cat' },
    ]);
    expect((await all(fieldOf(path, { text: 'caption', id: 'n' }))).map(({ id }) => id)).toEqual(['7', 'x']);
    await expect(all(fieldOf(path, { text: 'title' }))).rejects.toThrow(/list:1 has no text "title".*caption, n/);
  });

  test('a line of JSON lines without the field is an item that says so, unless it is the first', async () => {
    const path = file('{"a":1}\nno\n\n{"b":2}\n{"a":3}\n');
    expect(await all(fieldOf(path, { text: 'a' }))).toMatchObject([
      { id: '1', text: '1' },
      {
        id: 'line 2',
        error: { code: 'FREEBIND_FILE_INVALID', message: expect.stringContaining('list:2 is not JSON') },
      },
      { id: 'line 4', error: { message: expect.stringContaining('list:4 has no text "a"; its fields are b.') } },
      { id: '3', text: '3' },
    ]);
    await expect(all(fieldOf(file('no\n{"a":1}\n'), { text: 'a' }))).rejects.toThrow(/list:1 is not JSON/);
  });

  test('a number that loses digits when it is read is refused, and not given as another', async () => {
    const path = file('{"n":9007199254740991}\n{"n":9007199254740993}\n{"n":0.10}\n{"n":-3}\n');
    const message = expect.stringContaining('Write it as a string');
    expect(await all(fieldOf(path, { text: 'n' }))).toMatchObject([
      { id: '9007199254740991', text: '9007199254740991' },
      { id: 'line 2', error: { code: 'FREEBIND_FILE_INVALID', message } },
      { id: 'line 3', error: { code: 'FREEBIND_FILE_INVALID', message } },
      { id: '-3', text: '-3' },
    ]);
    expect(await all(fieldOf(file('{"t":"a","n":1}\n{"t":"b","n":1e21}\n'), { text: 't', id: 'n' }))).toMatchObject([
      { id: '1', text: 'a' },
      { id: 'line 2', error: { message } },
    ]);
  });

  test('bytes that are not UTF-8, and no file, are refused', async () => {
    await expect(all(textsOf(file(Buffer.from('\ufeffa dog\n', 'utf16le'))))).rejects.toThrow(/-f utf-16/);
    await expect(all(textsOf(file(Uint8Array.of(0x61, 0xe9, 0x0a))))).rejects.toMatchObject({
      code: 'FREEBIND_FILE_INVALID',
    });
    await expect(all(listedIn('nowhere.txt'))).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
  });
});
