import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Embeddings, type FactorChoice, type Factors, type Freebind, freebind as open } from '@freebind/core';
import { readAudio, readImage } from '@freebind/media';
import reference from '@freebind/backend-reference';
import clap from '@freebind/space-clap';
import imagebind from '@freebind/space-imagebind';
import internvl from '@freebind/space-internvl';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { layTinyModels } from '../../../examples/retrieve/tiny-models.ts';
import { documentOf, freebind, scratch, suiteScratch } from './freebind.ts';
import { readRows } from './read-rows.ts';

const media = (name: string): string =>
  fileURLToPath(new URL(`../../../examples/retrieve/media/${name}`, import.meta.url));
const GOLDEN = fileURLToPath(new URL('../../../fixtures/golden/inputs', import.meta.url));
const NAMES = ['BBQ', 'toilet', 'train'];
const sounds = NAMES.map((name) => media(`${name}.wav`));
const pictures = NAMES.map((name) => media(`${name}.jpeg`));
const texts = ['an audio of barbeque', 'an audio of toilet', 'an audio of train'];

const dir = suiteScratch();
let models: string;
let bonds: string;
const env = (): Record<string, string> => ({ FREEBIND_MODELS: models });

beforeAll(async () => {
  ({ models, bonds } = await layTinyModels(dir));
});

describe('retrieve', () => {
  const items = ['--audio', ...sounds, '--image', ...pictures, '--text', ...texts];

  test('prints a table for every two modalities, and says the same as JSON and as tables', async () => {
    const out = scratch();
    const args = ['retrieve', 'imagebind++', '--bonds', bonds, ...items];
    const outcome = await freebind([...args, '--out', out, '--json'], { env: env() });
    expect(outcome.stderr).toBe('');
    const document = documentOf(outcome) as {
      readonly tables: readonly { rows: string; columns: string; cosines: number[][]; softmax: number[][] }[];
    };
    expect(document).toMatchObject({
      name: 'imagebind++',
      space: 'imagebind + c(clap-general, clap-music)',
      factors: [{ audio: 0.5, text: 0.1 }],
      sources: { license: expect.stringContaining('imagebind: CC-BY-NC-SA-4.0') },
      written: ['audio', 'image', 'text'].map((modality) => join(out, `imagebind++.${modality}.npy`)),
    });
    expect(document.tables.map(({ rows, columns }) => `${rows} × ${columns}`)).toEqual([
      'audio × image',
      'audio × text',
      'image × text',
    ]);
    for (const { rows, columns, cosines, softmax } of document.tables) {
      const [left, right] = await Promise.all([rows, columns].map((m) => readRows(join(out, `imagebind++.${m}.npy`))));
      cosines.forEach((row, r) => {
        // The tables are the same float32 rows, summed by another loop in another order: float64 roundings of 24 terms.
        row.forEach((cosine, c) => {
          const dot = (left?.[r] ?? []).reduce((sum, x, k) => sum + x * (right?.[c]?.[k] ?? NaN), 0);
          expect(Math.abs(cosine - dot)).toBeLessThan(1e-12);
        });
        const powers = row.map((cosine) => Math.exp(cosine / 0.1));
        const total = powers.reduce((a, b) => a + b);
        powers.forEach((power, c) => expect(softmax[r]?.[c]).toBeCloseTo(power / total, 12));
      });
    }
    expect(readFileSync(join(out, 'image.ids.txt'), 'utf8')).toBe(`${pictures.join('\n')}\n`);
  });

  test('is for people a table with the names of files, and takes a space alone, without bonds', async () => {
    const { status, stdout } = await freebind(
      ['retrieve', 'imagebind', '--audio', ...sounds.slice(0, 2), '--text', ...texts, '--cosine'],
      { env: env() },
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/^imagebind\n\naudio × text +an audio of barbeque +an audio of toilet +an audio of train\n/);
    expect(stdout).toMatch(/\nBBQ\.wav( +-?[01]\.\d{4}){3}\ntoilet\.wav( +-?[01]\.\d{4}){3}\n\nCosines\./);
  });

  test('takes the folder of models, the device and the threads of its encoders from the command line', async () => {
    const args = ['retrieve', 'imagebind', '--audio', ...sounds.slice(0, 1), '--text', ...texts];
    const nowhere = { FREEBIND_MODELS: scratch(), HF_HOME: scratch() };
    expect((await freebind(args, { env: nowhere })).stderr).toContain('FREEBIND_FILE_MISSING');
    const own = ['--models', join(models, 'imagebind/huge'), '--threads', '1'];
    const { status, stderr } = await freebind([...args, ...own], { env: nowhere });
    expect([status, stderr]).toEqual([0, '']);
    const elsewhere = await freebind([...args, ...own, '--device', 'abacus'], { env: nowhere });
    expect([elsewhere.status, elsewhere.stderr]).toEqual([1, expect.stringContaining('abacus')]);
  });

  test('names the file that cannot be read, and the command that imports what is missing', async () => {
    const broken = join(scratch(), 'broken.wav');
    writeFileSync(broken, 'RIFF');
    const bad = await freebind(['retrieve', 'imagebind', '--audio', broken, '--text', 'a'], { env: env() });
    expect(bad.status).toBe(1);
    expect(bad.stderr).toContain(`error FREEBIND_FILE_INVALID: ${broken}: `);
    const none = await freebind(
      ['retrieve', 'internvl_ib_ft++', '--bonds', scratch(), '--audio', broken, '--text', 'a'],
      {
        env: env(),
      },
    );
    expect(none.stderr).toMatch(/FREEBIND_BOND_UNKNOWN.*freebind import DIR --variant "internvl_ib†\+\+" --out bonds/s);
  });

  test('asks for two modalities, and does not write over tables', async () => {
    expect((await freebind(['retrieve', 'imagebind', '--text', 'a', 'b'])).status).toBe(2);
    const out = scratch();
    writeFileSync(join(out, 'imagebind.text.npy'), '');
    const { stderr } = await freebind(['retrieve', 'imagebind', '--text', 'a', '--audio', 'b.wav', '--out', out]);
    expect(stderr).toContain('FREEBIND_OUTPUT_EXISTS');
    expect(existsSync(join(out, 'imagebind.audio.npy'))).toBe(false);
  });
});

describe('a table folder of embed', () => {
  const given = ['--text', ...texts, '--image', ...pictures];

  test('is not told that a table is embed’s when retrieve has replaced it', async () => {
    const out = scratch();
    const embed = () => freebind(['embed', 'imagebind', 'image', ...pictures, '--out', out], { env: env() });
    expect((await embed()).status).toBe(0);
    const retrieve = ['retrieve', 'imagebind', ...given, '--out', out];
    expect((await freebind([...retrieve, '--force'], { env: env() })).status).toBe(0);
    expect(existsSync(join(out, 'imagebind.image.json'))).toBe(false);
    expect((await embed()).stderr).toMatch(/^error FREEBIND_OUTPUT_EXISTS: .*there is no record of how/);
  });

  test('keeps the ids of its rows: those of other items are refused, and the same are taken', async () => {
    const out = scratch();
    await freebind(['embed', 'clap-general', 'audio', ...sounds, '--out', out], { env: env() });
    const ids = readFileSync(join(out, 'audio.ids.txt'), 'utf8');
    const retrieve = (items: readonly string[]) =>
      freebind(['retrieve', 'imagebind', '--text', 'a', '--audio', ...items, '--out', out, '--force'], { env: env() });
    for (const others of [[...sounds].reverse(), sounds.slice(1), [...sounds, ...sounds]])
      expect((await retrieve(others)).stderr).toMatch(
        /^error FREEBIND_ROWS_MISALIGNED: .*clap-general\.audio\.npy.* Choose another folder with --out\.$/m,
      );
    expect(readFileSync(join(out, 'audio.ids.txt'), 'utf8')).toBe(ids);
    expect((await retrieve(sounds)).status).toBe(0);
  });

  test('has no second table of a space, in the other format', async () => {
    const out = scratch();
    await freebind(['embed', 'imagebind', 'image', ...pictures, '--format', 'safetensors', '--out', out], {
      env: env(),
    });
    const retrieve = ['retrieve', 'imagebind', ...given, '--out', out];
    expect((await freebind(retrieve, { env: env() })).stderr).toMatch(/FREEBIND_OUTPUT_EXISTS: .*image\.safetensors/);
    await freebind([...retrieve, '--force'], { env: env() });
    expect(existsSync(join(out, 'imagebind.image.safetensors'))).toBe(false);
  });
});

describe('the five published variants', () => {
  // One for all: several encoders, each in a thread of its own, take seconds to start.
  let fb: Freebind;
  beforeAll(async () => {
    vi.stubEnv('FREEBIND_MODELS', models);
    fb = await open({ plugins: [reference(), imagebind(), internvl(), clap()], bonds });
    return async () => {
      await fb.close();
      vi.unstubAllEnvs();
    };
  });

  /** Binds a variant to the tiny spaces and embeds something short. */
  async function embedWith(name: string, choices: readonly FactorChoice[]) {
    const sound = await readAudio(join(GOLDEN, 'syn_short_0p7s_16k_mono.wav'));
    const picture = await readImage(join(GOLDEN, 'syn_small_90x61.png'));
    const space = await fb.bind(name);
    const made: { readonly factors: Factors | undefined; readonly rows: Readonly<Record<string, Embeddings>> }[] = [];
    for (const choice of choices) {
      const chosen = space.withFactors(choice);
      const rows = {
        audio: await chosen.embed('audio', [sound]),
        image: await chosen.embed('image', [picture]),
        text: await chosen.embed('text', ['an audio of barbeque']),
      };
      made.push({ factors: chosen.factors.at(-1), rows });
    }
    return made;
  }

  test.each(['internvl_ib', 'internvl_ib†', 'InternVL_IB_FT'])('%s embeds media', async (name) => {
    const [made] = await embedWith(name, [{}]);
    expect(made?.factors).toEqual(name === 'internvl_ib' ? { image: 0.2, text: 0.2 } : { image: 0.1, text: 0.1 });
    for (const { cols, data } of Object.values(made?.rows ?? {})) {
      expect(cols).toBe(24);
      expect(Math.hypot(...data)).toBeCloseTo(1, 6);
    }
  });

  test.each(['imagebind++', 'internvl_ib++', 'internvl_ib†++', 'InternVL_IB_FT++'])(
    '%s embeds media, and its presets weigh what CLAP brings',
    async (name) => {
      const [versatile, expertise] = await embedWith(name, ['versatile', 'at-expertise']);
      expect(versatile?.factors).toEqual({ audio: 0.5, text: 0.1 });
      expect(expertise?.factors).toEqual({ audio: 0.8, text: 0.5 });
      for (const { cols, data } of Object.values(versatile?.rows ?? {})) {
        expect(cols).toBe(24);
        expect(Math.hypot(...data)).toBeCloseTo(1, 6);
      }
      expect(expertise?.rows['audio']?.data).not.toEqual(versatile?.rows['audio']?.data);
      expect(expertise?.rows['text']?.data).not.toEqual(versatile?.rows['text']?.data);
      expect(expertise?.rows['image']?.data).toEqual(versatile?.rows['image']?.data);
    },
  );
});
