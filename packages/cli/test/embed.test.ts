import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { random } from '@freebind/core';
import { lockFolder } from '@freebind/core/files';
import { beforeAll, describe, expect, test } from 'vitest';
import { layTinyModels } from '../../../examples/retrieve/tiny-models.ts';
import { freebind, type Outcome, type RunOptions, scratch, suiteScratch } from './freebind.ts';
import { readRows } from './read-rows.ts';

const golden = (path: string): string =>
  fileURLToPath(new URL(`../../../fixtures/golden/inputs/${path}`, import.meta.url));
/** FreeBind's own three clips and pictures. */
const MEDIA = fileURLToPath(new URL('../../../examples/retrieve/media', import.meta.url));
const NAMES = ['BBQ', 'toilet', 'train'];
/** Pictures for the runs that are killed: three batches, the last one short. */
const PICTURES = 40;

let home = '';
let models = '';
beforeAll(async () => {
  home = suiteScratch();
  ({ models } = await layTinyModels(home));
  const { default: sharp } = await import('sharp');
  mkdirSync(join(home, 'pictures'));
  for (let i = 0; i < PICTURES; i++) {
    const background = { r: (i * 37) % 256, g: (i * 101) % 256, b: i };
    const picture = sharp({ create: { width: 24, height: 24, channels: 3, background } });
    await picture.png().toFile(join(home, 'pictures', `${String(i).padStart(3, '0')}.png`));
  }
}, 60_000);

const embed = (args: readonly string[], options: RunOptions = {}): Promise<Outcome> =>
  freebind(['embed', ...args], { cwd: home, env: { FREEBIND_MODELS: models }, ...options });

/** The tables of a folder and what is with them, by name; no unfinished work is among them. */
function filesIn(dir: string): Readonly<Record<string, string>> {
  return Object.fromEntries(readdirSync(dir).map((name) => [name, hashOf(join(dir, name))]));
}

function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

const eventsOf = ({ stdout }: Outcome): readonly Readonly<Record<string, unknown>>[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>); // printed with --json

describe('embed', () => {
  test('stops at a damaged vocabulary, as at a damaged graph, and skips no text for it', async () => {
    const damaged = scratch();
    cpSync(join(models, 'imagebind/huge'), damaged, { recursive: true });
    writeFileSync(join(damaged, 'bpe_simple_vocab_16e6.txt.gz'), 'x');
    const lines = join(damaged, 'lines.txt');
    writeFileSync(lines, 'a dog\nrain\n');
    const args = ['imagebind', 'text', '--lines', lines, '--models', damaged, '--out', join(damaged, 'tables')];
    const { status, stderr } = await embed(args);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^error FREEBIND_FILE_INVALID: .*bpe_simple_vocab/m)]);
    expect(stderr).not.toContain('skipped');
  });

  test('names the spaces that there are where it is asked for another', async () => {
    const { status, stderr } = await embed(['imagebnd', 'image', MEDIA, '--out', join(scratch(), 'none')]);
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(
        /FREEBIND_SPACE_UNKNOWN: .*did you mean "imagebind"\? Known spaces: imagebind, .*clap-general/,
      ),
    ]);
  });

  test('takes a command line of any length', async () => {
    // A path is at most 4 KiB; those of 700 pictures are no shorter together than these.
    const far = Array.from({ length: 12 }, () => `${'./'.repeat(2000)}pictures/000.png`);
    const outcome = await embed(['imagebind', 'image', ...far, '--out', join(scratch(), 'far')]);
    expect([outcome.status, outcome.stdout]).toEqual([0, expect.stringContaining('[12, 24]')]);
  });

  test('makes tables of sounds, pictures and texts in several spaces, which compose, train and eval read', async () => {
    const out = join(scratch(), 'tables');
    const texts = join(scratch(), 'texts.txt');
    writeFileSync(texts, NAMES.map((name) => `an audio of ${name}\n`).join(''));
    const sounds = await embed(['imagebind,clap-general', 'audio', MEDIA, '--out', out]);
    expect([sounds.status, sounds.stderr]).toEqual([0, expect.not.stringContaining('skipped')]);
    await embed(['imagebind,internvl', 'image', join(MEDIA, '*.jpeg'), '--out', out, '--dtype', 'f2']);
    await embed(['imagebind,internvl,clap-general', 'text', '--lines', texts, '--out', out]);
    expect(readdirSync(out).filter((name) => name.endsWith('.npy'))).toEqual([
      'clap-general.audio.npy',
      'clap-general.text.npy',
      'imagebind.audio.npy',
      'imagebind.image.npy',
      'imagebind.text.npy',
      'internvl.image.npy',
      'internvl.text.npy',
    ]);
    expect(readFileSync(join(out, 'text.ids.txt'), 'utf8')).toBe(readFileSync(texts, 'utf8'));
    expect(readFileSync(join(out, 'audio.ids.txt'), 'utf8')).toBe(
      NAMES.map((name) => `${join(MEDIA, name)}.wav\n`).join(''),
    );
    const rows = await readRows(join(out, 'imagebind.audio.npy'));
    for (const row of rows) expect(Math.hypot(...row)).toBeCloseTo(1, 6);

    const evaluated = await freebind(['eval', '--tables', out, '--space', 'imagebind', '--json']);
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ space: 'imagebind', directions: { length: 6 } });
    const config = join(home, 'train.config.json');
    const train = { recipe: 'imagebind + c(clap-general)', batch: 2, hidden: 4, epochs: 1, heads: ['mix'] };
    writeFileSync(config, JSON.stringify({ tables: out, train }));
    const trained = await freebind(['train', config, '--out', join(home, 'trained')]);
    expect([trained.status, trained.stderr]).toEqual([0, expect.stringContaining('done')]);
    const bound = [
      '--tables',
      out,
      '--bonds',
      join(home, 'trained'),
      '--factors',
      'versatile',
      '--out',
      join(home, 'bound'),
    ];
    const composed = await freebind(['compose', train.recipe, ...bound, '--modality', 'audio', 'text']);
    expect([composed.status, composed.stderr]).toEqual([0, '']);
  }, 180_000);

  test('skips and lists what cannot be read, or stops at it', async () => {
    const [out, media] = [scratch(), scratch()];
    cpSync(golden('syn_small_90x61.png'), join(media, 'good.png'));
    writeFileSync(join(media, 'bad.png'), 'no picture');
    writeFileSync(join(media, 'cut.png'), readFileSync(golden('syn_small_90x61.png')).subarray(0, 900));
    const args = ['imagebind,internvl', 'image', media, join(media, 'gone.png'), '--out', out];
    const strict = await embed([...args, '--strict']);
    expect([strict.status, strict.stderr]).toEqual([
      1,
      expect.stringMatching(/^error FREEBIND_FILE_INVALID: .*bad\.png/),
    ]);
    const { status, stdout, stderr } = await embed(args);
    expect(status).toBe(0);
    expect(stdout).toContain(`3 inputs have no row: ${join(out, 'image.skipped.jsonl')}`);
    expect(stderr).toMatch(/skipped .*bad\.png: [^]*cut\.png: [^]*gone\.png: /);
    const lines = readFileSync(join(out, 'image.skipped.jsonl'), 'utf8').trimEnd().split('\n');
    expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
      { id: join(media, 'bad.png'), code: 'FREEBIND_FILE_INVALID', space: 'imagebind' },
      { id: join(media, 'cut.png'), code: 'FREEBIND_FILE_INVALID' },
      { id: join(media, 'gone.png'), code: 'FREEBIND_FILE_MISSING' },
    ]);
  });

  test('reads a list from standard input', async () => {
    const out = scratch();
    const bin = fileURLToPath(new URL('../bin/freebind.js', import.meta.url));
    const args = [bin, 'embed', 'imagebind', 'text', '--jsonl', '-', '--field', 'caption'];
    const child = spawn(process.execPath, [...args, '--out', out], {
      cwd: home,
      env: { ...process.env, FREEBIND_MODELS: models },
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    child.stdin.end('{"caption":"a dog"}\n{"caption":"two\\nlines"}\n');
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
    expect(readFileSync(join(out, 'text.ids.txt'), 'utf8')).toBe('a dog\ntwo lines\n');
  });

  test.each([
    [['imagebind', 'sound', 'x.wav'], /Expected image, audio or text/],
    [['imagebind,', 'audio', 'x.wav'], /ids of spaces/],
    [['imagebind', 'audio'], /give inputs/],
    [['imagebind', 'text', 'x.txt', '--lines', 'y.txt'], /give inputs, or one of/],
    [['imagebind', 'text', '--merge', '--shard', '0/2'], /--merge puts shards together/],
    [['imagebind', 'text', 'x.txt', '--shard', '2/2'], /Expected i\/n/],
  ])('%j is wrong usage', async (args, said) => {
    const { status, stderr } = await embed(args);
    expect(status).toBe(2);
    expect(stderr).toMatch(said);
  });

  test.each([
    [['nonesuch', 'text', 'x.txt'], 'FREEBIND_SPACE_UNKNOWN', /"nonesuch"/],
    [['clap-general', 'image', 'x.png'], 'FREEBIND_CAPABILITY_MISSING', /embeds audio, text/],
    [['imagebind', 'audio', '*.flac'], 'FREEBIND_FILE_MISSING', /\*\.flac/],
    [['imagebind', 'image', '--lines', 'x.txt'], 'FREEBIND_ARGUMENT_INVALID', /--list/],
  ])('%j is refused', async (args, code, said) => {
    const { status, stderr } = await embed(args);
    expect(status).toBe(1);
    expect(stderr).toMatch(new RegExp(`^error ${code}: `));
    expect(stderr).toMatch(said);
  });

  test('takes a plain folder of model files, and says which are not in it', async () => {
    const args = ['embed', 'clap-music', 'text', golden('manifest.json'), '--out', 'plain', '--models'];
    const there = await freebind([...args, join(models, 'clap', 'music')], { cwd: home });
    expect([there.status, there.stdout]).toEqual([0, expect.stringContaining('[1, 16]')]);
    const { stderr } = await freebind([...args, 'pictures', '--force'], { cwd: home });
    expect(stderr).toMatch(/^error FREEBIND_FILE_MISSING: "clap" \(music\) needs clap_text\.onnx, which is not in/);
  });
});

const RUN = ['imagebind', 'image', 'pictures', '--json'];
const shard = (index: number, killAt?: RegExp): Promise<Outcome> =>
  embed([...RUN, '--out', 'sharded', '--shard', `${index}/3`], {
    onOutput: (stdout, kill) => {
      if (killAt?.test(stdout) === true) kill('SIGKILL');
    },
  });
const merge = (): Promise<Outcome> =>
  freebind(['embed', 'imagebind', 'image', '--merge', '--out', 'sharded'], { cwd: home });

describe('a run of embed', () => {
  let whole: Readonly<Record<string, string>> = {};
  beforeAll(async () => {
    await embed([...RUN, '--out', 'whole']);
    whole = filesIn(join(home, 'whole'));
  }, 60_000);

  test('killed at random moments and started again gives the same bytes, and makes no row twice', async () => {
    const draw = random(7, 'kills');
    let kept = 0;
    for (let tries = 0; ; tries++) {
      const after = 1 + draw.below(3);
      const outcome = await embed([...RUN, '--out', 'killed'], {
        onOutput: (stdout, kill) => {
          if (tries < 3 && stdout.split('\n').length > after) setTimeout(() => kill('SIGKILL'), draw.uniform() * 120);
        },
      });
      const [stage, ...events] = eventsOf(outcome).filter(({ type }) => type === 'stage' || type === 'rows');
      // Nothing that was said to be kept is gone, and what was kept is where work goes on.
      expect(Number(stage?.['done'] ?? kept)).toBeGreaterThanOrEqual(kept);
      kept = Math.max(kept, ...events.map(({ done }) => Number(done)));
      if (outcome.status === 0) break;
      // A table that has its name is whole, whatever was killed.
      const there = readdirSync(join(home, 'killed')).filter((name) => name.endsWith('.npy'));
      for (const name of there) expect(hashOf(join(home, 'killed', name))).toBe(whole[name]);
    }
    expect(filesIn(join(home, 'killed'))).toEqual(whole);
  });

  test('stopped with Ctrl-C ends with status 130, and goes on', async () => {
    const out = ['--out', 'stopped', '--batch', '4'];
    const stopped = await embed([...RUN, ...out], {
      onOutput: (stdout, kill) => {
        if (stdout.includes('"rows"')) kill('SIGINT');
      },
    });
    expect([stopped.status, stopped.stdout]).toEqual([130, expect.stringContaining('FREEBIND_ABORTED')]);
    expect(readdirSync(join(home, 'stopped'))).toEqual(['.embed']);
    const { status, stderr } = await embed([...RUN.slice(0, 3), ...out]);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^embed image: goes on at \d+ of 40$/m);
  });

  test('in shards, some killed and run again, merges to the same bytes', async () => {
    const first = await Promise.all([shard(0), shard(1, /"stage"/), shard(2)]);
    expect(first.map(({ status }) => status)).toEqual([0, null, 0]);
    expect((await merge()).stderr).toMatch(
      /^error FREEBIND_FILE_MISSING: The shards are not complete: shard 1 of 3 has/,
    );
    expect((await shard(1)).status).toBe(0);
    expect((await merge()).status).toBe(0);
    expect(filesIn(join(home, 'sharded'))).toEqual(whole);
    expect((await merge()).stdout).toContain('was there already');
  }, 180_000);

  test('beside another writer of the same folder is refused', async () => {
    const lock = await lockFolder(join(home, 'busy', '.embed', 'image', '0-of-1'));
    const outcome = await embed([...RUN, '--out', 'busy']);
    await lock.release();
    expect([outcome.status, outcome.stderr]).toEqual([
      1,
      expect.stringMatching(new RegExp(`^error FREEBIND_OUTPUT_BUSY: .* by process ${process.pid} `)),
    ]);
  });
});
