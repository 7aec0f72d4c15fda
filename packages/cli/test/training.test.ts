import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { documentOf, freebind, numpy, type Outcome, scratch } from './freebind.ts';
import { readRows } from './read-rows.ts';

/** Writes a config into a fresh folder and gives its path. */
function configOf(config: unknown): { readonly dir: string; readonly config: string } {
  const dir = scratch();
  const path = join(dir, 'freebind.config.json');
  writeFileSync(path, JSON.stringify(config));
  return { dir, config: path };
}

const TRAIN = {
  tables: numpy('pool'),
  seed: 3,
  train: { recipe: 'unified + c(sound)', heads: ['mix', 'A'], batch: 16, hidden: 24, epochs: 8 },
};
const BOND = 'unified-c-sound';

const FUSE = {
  seed: 1,
  fuse: {
    vt: {
      modalities: { image: numpy('latents/pixels.image.npy'), text: numpy('latents/words.text.npy') },
      rows: `${numpy('latents/splits.json')}:train`,
      epochs: 60,
      batch: 36,
      rate: { kind: 'constant', rate: 2e-3 },
      adapter: { output: 8, blocks: 1, expansion: 2, dropout: 0.1 },
      latents: { standardise: true },
      embed: { tables: { image: numpy('latents/pixels.image.npy'), text: numpy('latents/words.text.npy') } },
    },
  },
};

/** The JSON lines of a run. */
function linesOf({ stdout }: Outcome): readonly { readonly type?: string }[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { type?: string });
}

/** The bytes of every file in a folder, by name. */
function filesOf(dir: string): Readonly<Record<string, string>> {
  return Object.fromEntries(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name), 'base64')]));
}

describe('train', () => {
  test('tells its steps as JSON lines, the last being the result, and leaves a bond', async () => {
    const { dir, config } = configOf(TRAIN);
    const outcome = await freebind(['train', config, '--json']);
    const lines = linesOf(outcome);
    expect(lines).toContainEqual(
      expect.objectContaining({
        type: 'step',
        stage: expect.stringContaining('head 1 of 2, mix'),
        step: 1,
        loss: expect.any(Number),
        rowsPerSecond: expect.any(Number),
        etaSeconds: expect.any(Number),
      }),
    );
    const path = join(dir, 'bonds', BOND);
    expect(lines.at(-1)).toEqual({
      type: 'result',
      space: 'unified + c(sound)',
      bonds: [{ id: BOND, path, reused: false }],
    });
    expect(documentOf(await freebind(['inspect', path, '--json']))).toMatchObject({
      from: { space: 'sound', dimension: 10 },
      into: { space: 'unified', dimension: 16 },
      provenance: {
        seed: 3,
        options: { batch: 16, hidden: 24 },
        data: { 'sound.audio': expect.stringContaining('sha256:') },
      },
    });
    expect(linesOf(await freebind(['train', config, '--json'])).at(-1)).toMatchObject({ bonds: [{ reused: true }] });
  });

  test.each([
    ['SIGINT', 130, { error: { code: 'FREEBIND_ABORTED' } }],
    ['SIGHUP', 129, { error: { code: 'FREEBIND_ABORTED' } }],
    ['SIGKILL', null, { type: 'step' }],
  ] as const)('continues bit for bit after %s', async (signal, status, last) => {
    const whole = configOf(TRAIN);
    expect((await freebind(['train', whole.config])).status).toBe(0);

    const { dir, config } = configOf({ ...TRAIN, train: { ...TRAIN.train, checkpoints: { everySteps: 5 } } });
    const bonds = join(dir, 'bonds');
    const stopped = await freebind(['train', config, '--json'], {
      onOutput: (stdout, kill) => {
        if (/"step":4\d,[^\n]*\n/.test(stdout)) kill(signal);
      },
    });
    expect(stopped.status).toBe(status);
    expect(existsSync(join(bonds, BOND))).toBe(false);
    expect(linesOf(stopped).at(-1)).toMatchObject(last);

    const refused = await freebind(['train', config]);
    expect(refused.stderr).toMatch(/^Backend: reference, .*\nerror FREEBIND_OUTPUT_EXISTS: .*--resume/);
    const resumed = await freebind(['train', config, '--resume', '--json']);
    expect(resumed.status).toBe(0);
    expect(linesOf(resumed).filter(({ type }) => type === 'step').length).toBeGreaterThan(0);
    expect(filesOf(join(bonds, BOND))).toEqual(filesOf(join(whole.dir, 'bonds', BOND)));
    expect(readdirSync(bonds)).toEqual(['.reuse', BOND]);
  });

  test('two processes never write one bond', async () => {
    const { dir, config } = configOf(TRAIN);
    let second: Promise<Outcome> | undefined;
    const first = await freebind(['train', config, '--json'], {
      onOutput: (stdout) => {
        if (stdout.includes('"step":1,')) second ??= freebind(['train', config, '--resume']);
      },
    });
    expect(first.status).toBe(0);
    // The second may also come so late that the bond is there.
    const { status, stderr } = (await second) ?? first;
    expect(status === 0 ? '' : stderr).toMatch(/^$|^Backend: reference, .*\nerror FREEBIND_OUTPUT_BUSY/);
    expect(readdirSync(join(dir, 'bonds'))).toEqual(['.reuse', BOND]);
  });

  test('tells people how to go on after Ctrl-C', async () => {
    const { config } = configOf(TRAIN);
    const { status, stderr } = await freebind(['train', config], {
      onOutput: () => undefined,
      onError: (text, kill) => {
        if (text.includes('pseudo pairs: done')) kill('SIGINT');
      },
    });
    expect(status).toBe(130);
    expect(stderr).toContain('press Ctrl-C again to stop at once');
    expect(stderr).toContain(`freebind train ${config} --resume`);
    expect(stderr).toMatch(/^error FREEBIND_ABORTED: .*$/m);
  });

  test('options come before the config, and other work is not replaced unless told', async () => {
    const { dir, config } = configOf(TRAIN);
    const out = join(dir, 'elsewhere');
    const run = (...args: readonly string[]) => freebind(['train', config, '--out', out, '--json', ...args]);
    expect((await run('--seed', '1')).status).toBe(0);
    const first = filesOf(join(out, BOND));
    const second = await run('--seed', '2');
    expect(linesOf(second).at(-1)).toMatchObject({ error: { code: 'FREEBIND_OUTPUT_EXISTS' } });
    expect(filesOf(join(out, BOND))).toEqual(first);
    expect((await run('--seed', '2', '--force')).status).toBe(0);
    expect(filesOf(join(out, BOND))).not.toEqual(first);
  });

  test('--dry-run refuses a backend that is not there, as the run would', async () => {
    const { config } = configOf(TRAIN);
    const { status, stderr } = await freebind(['train', config, '--dry-run', '--backend', 'nosuch']);
    expect([status, stderr]).toEqual([1, expect.stringContaining('FREEBIND_PLUGIN_MISSING')]);
  });

  test('--dry-run says what would be trained and writes nothing', async () => {
    const { dir, config } = configOf(TRAIN);
    const plan = documentOf(await freebind(['train', config, '--dry-run', '--json']));
    // 80 sounds, 90 pictures and 96 texts in batches of 16, eight times.
    const heads = [
      { name: 'mix', rows: 266, steps: 128 },
      { name: 'A', rows: 80, steps: 40 },
    ];
    expect(plan).toMatchObject({ type: 'plan', bonds: [{ id: BOND, kind: 'combination', heads }] });
    expect((await freebind(['train', config, '--dry-run'])).stdout).toMatch(
      /unified-c-sound +combination +mix +266 +128/,
    );
    expect(readdirSync(dir)).toEqual(['freebind.config.json']);
  });

  test.each([
    [{ ...TRAIN, train: { ...TRAIN.train, bacth: 3 } }, 'FREEBIND_CONFIG_INVALID', 'did you mean "batch"?'],
    [{ tables: TRAIN.tables }, 'FREEBIND_CONFIG_INVALID', 'has no "train"'],
    [{ train: TRAIN.train }, 'FREEBIND_CONFIG_INVALID', 'has no "tables"'],
    [{ ...TRAIN, train: { recipe: 'unified + c(sound' } }, 'FREEBIND_RECIPE_INVALID', 'column 18'],
    [{ ...TRAIN, train: { recipe: 'unified + c(clap)' } }, 'FREEBIND_SPACE_UNKNOWN', 'clap'],
    [
      { ...TRAIN, train: { recipe: 'vision + c(pixels)' }, tables: numpy('latents') },
      'FREEBIND_SPACE_UNKNOWN',
      'vision',
    ],
    [{ ...TRAIN, tables: numpy('latents'), train: { recipe: 'pixels + c(words)' } }, 'FREEBIND_BOND_INVALID', 'share'],
    [{ ...TRAIN, train: { ...TRAIN.train, rows: [500] } }, 'FREEBIND_ARGUMENT_INVALID', 'Row 500'],
  ])('refuses %j', async (given, code, words) => {
    const { dir, config } = configOf(given);
    const { status, stderr } = await freebind(['train', config]);
    expect(status).toBe(1);
    expect(stderr).toContain(`error ${code}`);
    expect(stderr).toContain(words);
    expect(readdirSync(dir)).toEqual(['freebind.config.json']);
  });
});

describe('fuse', () => {
  test('makes a space whose tables find the test items better than chance', async () => {
    const { dir, config } = configOf(FUSE);
    const lines = linesOf(await freebind(['fuse', config, '--json']));
    const path = join(dir, 'spaces', 'vt');
    const tables = ['image', 'text'].map((modality) => join(dir, 'tables', `vt.${modality}.npy`));
    expect(lines.at(-1)).toEqual({ type: 'result', spaces: [{ name: 'vt', path, reused: false }], tables });
    expect(documentOf(await freebind(['inspect', path, '--json']))).toMatchObject({
      kind: 'fused space',
      id: 'vt',
      dimension: 8,
      modalities: ['image', 'text'],
    });

    const again = join(dir, 'image.npy');
    const latents = numpy('latents/pixels.image.npy');
    await freebind(['project', '--space', path, '--modality', 'image', '--in', latents, '--out', again]);
    expect(await readRows(again)).toEqual(await readRows(join(dir, 'tables', 'vt.image.npy')));

    const rows = `${numpy('latents/splits.json')}:test`;
    const outcome = await freebind(['eval', '--tables', join(dir, 'tables'), '--rows', rows, '--json']);
    const { mean } = documentOf(outcome) as { mean: { k: number; chance: number; low: number }[] };
    const five = mean.find(({ k }) => k === 5);
    expect(five?.chance).toBeCloseTo(5 / 24, 9);
    expect(five?.low).toBeGreaterThan(five?.chance ?? 1);
  });

  test('refuses a space that the config does not have, and latents that are not paired', async () => {
    const { config } = configOf(FUSE);
    expect((await freebind(['fuse', config, '--space', 'at'])).stderr).toMatch(/FREEBIND_SPACE_UNKNOWN: .*fuses vt/);
    const unpaired = { image: numpy('pool/vision.image.npy'), text: numpy('pool/vision.text.npy') };
    const other = configOf({ fuse: { vt: { ...FUSE.fuse.vt, rows: [0, 1], modalities: unpaired } } });
    expect((await freebind(['fuse', other.config])).stderr).toContain('FREEBIND_ROWS_MISALIGNED');
  });
});
