import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { layTinyModels } from '../../../examples/retrieve/tiny-models.ts';
import { documentOf, freebind, scratch, suiteScratch } from './freebind.ts';

const PICTURE = readFileSync(
  fileURLToPath(new URL('../../../fixtures/golden/inputs/syn_small_90x61.png', import.meta.url)),
);
const dir = suiteScratch();
let models: string;
let bonds: string;

beforeAll(async () => {
  ({ models, bonds } = await layTinyModels(dir));
});

/** A tone of a tenth of a second, 16-bit, one channel at 16 kHz. */
function tone(hertz: number): Uint8Array {
  const [rate, samples] = [16_000, 1600];
  const bytes = Buffer.alloc(44 + 2 * samples);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(36 + 2 * samples, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(2 * rate, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(2 * samples, 40);
  for (let i = 0; i < samples; i++)
    bytes.writeInt16LE(Math.round(20_000 * Math.sin((2 * Math.PI * hertz * i) / rate)), 44 + 2 * i);
  return bytes;
}

/** A copy of Clotho with `clips` clips, of which one is missing and one is not sound. */
function clotho(): string {
  const root = scratch();
  const names = ['a', 'b', 'c', 'd', 'gone', 'broken'];
  const captions = names.map((name) => [1, 2, 3, 4, 5].map((n) => `"the sound, ${name} ${n}"`).join(','));
  const header = 'file_name,caption_1,caption_2,caption_3,caption_4,caption_5';
  const lines = names.map((name, i) => `${name}.wav,${captions[i]}`);
  writeFileSync(join(root, 'clotho_captions_evaluation.csv'), `${header}\n${lines.join('\n')}\n`);
  mkdirSync(join(root, 'evaluation'));
  ['a', 'b', 'c', 'd'].forEach((name, i) =>
    writeFileSync(join(root, 'evaluation', `${name}.wav`), tone(200 * (1 + i))),
  );
  writeFileSync(join(root, 'evaluation', 'broken.wav'), 'RIFF');
  return root;
}

const run = (args: readonly string[]) => freebind(['eval', ...args], { env: { FREEBIND_MODELS: models } });

describe('eval --dataset', () => {
  test('measures both directions as eval does on the tables, and says why figures cannot be compared', async () => {
    const tables = join(scratch(), 'tables');
    const args = ['--dataset', 'Clotho', '--root', clotho(), '--recipe', 'imagebind', '--tables', tables, '--json'];
    const outcome = await run(args);
    const report = documentOf(outcome) as {
      readonly measured: readonly { readonly name: string; readonly figures: Readonly<Record<string, number>> }[];
    };
    expect(report).toMatchObject({
      dataset: 'clotho',
      recipe: 'imagebind',
      items: { text: 20, audio: 4 },
      missing: ['gone.wav'],
      skipped: ['broken.wav'],
      published: {
        results: [{ recipe: 'imagebind', figures: { 'R@1': 6.64, 'R@5': 17.28 } }],
        comparable: false,
        differences: [
          "the annotations name 6 items, Clotho's own split 1045",
          '1 of 6 items are missing',
          '1 items could not be read',
        ],
      },
    });
    // The captions of the clip that is no sound were embedded before it was heard; without them the tables are what was measured.
    const ids = readFileSync(join(tables, 'text.ids.txt'), 'utf8').trimEnd().split('\n');
    const clips = readFileSync(join(tables, 'audio.ids.txt'), 'utf8').trimEnd().split('\n');
    expect(clips).toEqual(['a.wav', 'b.wav', 'c.wav', 'd.wav']);
    const rows = join(tables, 'rows.json');
    writeFileSync(rows, JSON.stringify(clips.map((clip) => ids.indexOf(`${clip}#caption_1`))));
    expect(report.measured.map(({ name }) => name)).toEqual(['text → audio', 'audio → text', 'mean of both']);
    const [asked, found, mean] = report.measured.map(({ figures }) => figures);
    expect(mean?.['R@1']).toBeCloseTo(((asked?.['R@1'] ?? NaN) + (found?.['R@1'] ?? NaN)) / 2, 9);

    // The plain command on the same tables, whose gallery asks too: audio asks text with its five captions as right answers.
    const pairs = join(tables, 'pairs.json');
    const right = ids.map((id): [number, number] => [clips.indexOf(id.split('#')[0] ?? ''), ids.indexOf(id)]);
    writeFileSync(pairs, JSON.stringify(right.filter(([clip]) => clip >= 0)));
    const [sounds, texts] = ['audio', 'text'].map((modality) => join(tables, `imagebind.${modality}.npy`));
    const plain = documentOf(
      await run(['--queries', sounds ?? '', '--gallery', texts ?? '', '--pairs', pairs, '--json']),
    ) as { readonly itemToQuery: { readonly recall: readonly { readonly k: number; readonly rate: number }[] } };
    expect(plain.itemToQuery.recall.map(({ k, rate }) => [`R@${k}`, 100 * rate])).toEqual(Object.entries(asked ?? {}));
  });

  test('goes on with embeddings that are there, adds spaces that are not, and prints the figures of the preset', async () => {
    const [root, tables] = [clotho(), join(scratch(), 'tables')];
    const args = ['--dataset', 'clotho', '--root', root, '--tables', tables, '--bonds', bonds];
    expect((await run([...args, '--recipe', 'imagebind'])).status).toBe(0);
    const before = readFileSync(join(tables, 'imagebind.audio.npy'));
    rmSync(join(root, 'evaluation', 'broken.wav'));
    writeFileSync(join(root, 'evaluation', 'broken.wav'), 'RIFF');
    const { status, stdout, stderr } = await run([...args, '--recipe', 'imagebind++', '--factors', 'at-expertise']);
    expect(stderr).toContain('1 of 6 items of Clotho are missing: gone.wav.');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Clotho with imagebind\+\+, factors audio=0\.8 text=0\.5: 20 text, 4 audio\n/);
    expect(stdout).toMatch(/\npublished, at-expertise +19\.49 +43\.57 +–\n/);
    expect(stdout).not.toContain('versatile');
    expect(stdout).toContain('Not comparable with FreeBind (arXiv 2405.04883), tables 3 and 4:\n  - ');
    expect(readdirSync(tables).filter((name) => name.endsWith('.audio.npy'))).toEqual([
      'clap-general.audio.npy',
      'clap-music.audio.npy',
      'imagebind.audio.npy',
    ]);
    expect(readFileSync(join(tables, 'imagebind.audio.npy'))).toEqual(before);
  });

  test('keeps embeddings of another copy apart', async () => {
    const [root, tables] = [clotho(), join(scratch(), 'tables')];
    const args = ['--dataset', 'clotho', '--recipe', 'imagebind', '--tables', tables];
    expect((await run([...args, '--root', root])).status).toBe(0);
    const other = clotho();
    const { status, stderr } = await run([...args, '--root', other]);
    expect(status).toBe(1);
    expect(stderr).toContain(
      `this evaluation of ${other} cannot go on. Name another folder for its own: --tables DIR;`,
    );
  });

  test('does not say of tables without a record what they were made from', async () => {
    const tables = join(scratch(), 'tables');
    const args = ['--dataset', 'clotho', '--root', clotho(), '--recipe', 'imagebind', '--tables', tables];
    expect((await run(args)).status).toBe(0);
    rmSync(join(tables, 'imagebind.text.json'));
    const { status, stderr } = await run(args);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/cannot go on.*--tables DIR.*no record of how/)]);
  });

  test('refuses tables in which an id stands for two rows', async () => {
    const tables = join(scratch(), 'tables');
    const args = ['--dataset', 'clotho', '--root', clotho(), '--recipe', 'imagebind', '--tables', tables];
    expect((await run(args)).status).toBe(0);
    const path = join(tables, 'audio.ids.txt');
    writeFileSync(path, readFileSync(path, 'utf8').replace('b.wav', 'a.wav'));
    const { status, stderr } = await run(args);
    expect([status, stderr]).toEqual([1, expect.stringContaining('audio.ids.txt has "a.wav" twice')]);
  });

  test('classifies with prompts', async () => {
    const root = scratch();
    writeFileSync(
      join(root, 'LOC_synset_mapping.txt'),
      'n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius\n',
    );
    mkdirSync(join(root, 'val/n01443537'), { recursive: true });
    writeFileSync(join(root, 'val/n01443537/ILSVRC2012_val_00000236.PNG'), PICTURE);
    const tables = join(scratch(), 'tables');
    const args = ['--dataset', 'imagenet', '--root', root, '--recipe', 'imagebind', '--tables', tables, '--json'];
    expect(documentOf(await run(args))).toMatchObject({
      items: { image: 1, classes: 2 },
      measured: [{ name: 'image, zero-shot', figures: { 'top-1': expect.any(Number), 'top-5': 100 } }],
      published: { results: [{ figures: { 'top-1': 76.31 } }], comparable: false },
    });
    expect(readFileSync(join(tables, 'text.ids.txt'), 'utf8').trimEnd().split('\n')).toHaveLength(160);
  });

  test('asks of the encoders what the command line says, and asks it for --dataset alone', async () => {
    const tables = join(scratch(), 'tables');
    const args = ['eval', '--dataset', 'clotho', '--root', clotho(), '--recipe', 'imagebind', '--tables', tables];
    const env = { FREEBIND_MODELS: scratch(), HF_HOME: scratch() };
    expect((await freebind(args, { env })).stderr).toContain('FREEBIND_FILE_MISSING');
    const own = ['--models', join(models, 'imagebind/huge'), '--batch', '3', '--workers', '1', '--threads', '1'];
    const { status, stderr } = await freebind([...args, ...own], { env });
    expect([status, stderr]).toEqual([0, expect.stringContaining('broken.wav is left out')]);
    const made: unknown = JSON.parse(readFileSync(join(tables, 'imagebind.text.json'), 'utf8'));
    expect(made).toMatchObject({ batch: 3, space: { depends: { batch: '3', device: 'cpu' } } });
    expect((await freebind([...args, '--device', 'abacus'], { env })).stderr).toContain('abacus');
    const elsewhere = await run(['--queries', 'a.npy', '--gallery', 'b.npy', '--device', 'cuda']);
    expect([elsewhere.status, elsewhere.stderr]).toEqual([2, expect.stringContaining('--backend')]);
  });

  test('stops at what is missing when told to be strict, and refuses a recipe before it embeds', async () => {
    const [root, tables] = [clotho(), join(scratch(), 'tables')];
    const args = ['--dataset', 'clotho', '--root', root, '--tables', tables];
    const strict = await run([...args, '--recipe', 'imagebind', '--strict']);
    expect(strict.stderr).toMatch(/FREEBIND_FILE_MISSING: 1 of 6 items of Clotho are missing: gone\.wav/);
    const unbound = await run([...args, '--recipe', 'imagebind++', '--bonds', scratch()]);
    expect(unbound.stderr).toContain('FREEBIND_BOND_UNKNOWN');
    expect((await run(['--dataset', 'clotho', '--root', root])).status).toBe(2);
    expect(() => readdirSync(tables)).toThrow('ENOENT');
  });
});
