import { crc32 } from 'node:zlib';
import { type EachEmbedding, type ModalityInputs, SPACE } from '@freebind/core';
import { loadPlugin } from '@freebind/conformance';
import type { EncoderSpace } from '@freebind/encoder-onnx';
import clap from '@freebind/space-clap';
import imagebind from '@freebind/space-imagebind';
import internvl from '@freebind/space-internvl';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { CLAP_FILES, IMAGEBIND_FILES, INTERNVL_FILES, modelFolder } from './golden/model-folder.ts';

// What the spaces do with bad input, from the input to the row or the named error. What decoders alone refuse is tested beside them.
const folders = await Promise.all([
  modelFolder(IMAGEBIND_FILES),
  modelFolder(CLAP_FILES.general),
  modelFolder(INTERNVL_FILES),
]);
const [bindFolder, clapFolder, internvlFolder] = folders.map(({ folder }) => folder);
const common = { threads: 1, workers: 1 } as const;
const plugins = {
  imagebind: imagebind({ models: bindFolder, dimension: 24, ...common }),
  'clap-general': clap({ models: clapFolder, dimension: 16, ...common }),
  internvl: internvl({ models: internvlFolder, dimension: 24, ...common }),
};
const open = async (name: keyof typeof plugins): Promise<EncoderSpace> =>
  (await loadPlugin(plugins[name]).getAsync(SPACE, { name })) as EncoderSpace; // what freebind's own spaces are
const spaces = {
  imagebind: await open('imagebind'),
  'clap-general': await open('clap-general'),
  internvl: await open('internvl'),
};
afterAll(async () => {
  await Promise.all(Object.values(spaces).map((space) => space.close()));
  await Promise.all(folders.map(({ remove }) => remove()));
});

/** `row`, or the code of the error, and a word of its message. */
const outcomes = (all: readonly EachEmbedding[]): readonly (readonly [string, string])[] =>
  all.map(({ error }) => [error?.code ?? 'row', error?.message ?? '']);

describe('texts', () => {
  const texts = {
    empty: '',
    blank: ' \t\n',
    'of 100 KB': 'lorem ipsum '.repeat(8_533),
    'of 20 KB without a blank': 'x'.repeat(20_480),
    'of emoji': '👩‍👩‍👧‍👦🏳️‍🌈🍎'.repeat(30),
    'from right to left': 'كلب ينبح في المطر ‏‎שלום',
    'with lone surrogates': 'a\ud800b\udc00',
    'with zeros and other signs nobody sees': 'a\u0000b\u200b\ufeff\u0007',
    'that write the marks out': '<|endoftext|></s><s><pad>[PAD]',
  };

  test.each(Object.keys(spaces) as (keyof typeof spaces)[])('of every kind have a row in %s', async (id) => {
    const all = await spaces[id].embedEach('text', Object.values(texts));
    expect(outcomes(all)).toEqual(Object.keys(texts).map(() => ['row', '']));
    for (const { row } of all) expect(Math.hypot(...(row ?? []))).toBeCloseTo(1, 5);
    // Nothing but texts was embedded so far: no other tower was opened for them.
    expect(spaces[id].loaded).toEqual(['text']);
  });

  test('that are none, or a book, are named and the others go on', async () => {
    // As a program without types may give them.
    const bad = ['a', undefined, 7, 'x'.repeat(2 ** 17 + 1), 'b'] as string[];
    const all = outcomes(await spaces.imagebind.embedEach('text', bad));
    expect(all.map(([code]) => code)).toEqual([
      'row',
      ...Array.from({ length: 3 }, () => 'FREEBIND_ARGUMENT_INVALID'),
      'row',
    ]);
    expect(all[3]?.[1]).toContain('131073 characters');
  });
});

/** A picture of one colour. */
const picture = (background: string) => sharp({ create: { width: 40, height: 30, channels: 3, background } });

const refused = (word: string) => ['FREEBIND_FILE_INVALID', expect.stringContaining(word)];

test('of pictures, the bad ones are named and the others have rows', async () => {
  const [png, jpeg, blue] = await Promise.all([
    picture('red').png().toBuffer(),
    picture('green').jpeg().toBuffer(),
    picture('blue').png().toBuffer(),
  ]);
  const moving = await sharp([png, blue], { join: { animated: true } })
    .gif()
    .toBuffer();
  const bomb = Buffer.from(png);
  bomb.writeUInt32BE(60_000, 16);
  bomb.writeUInt32BE(60_000, 20);
  bomb.writeUInt32BE(crc32(bomb.subarray(12, 29)), 29);
  const inputs = {
    good: png,
    corrupt: Buffer.from(png).fill(7, 60, 90),
    truncated: jpeg.subarray(0, jpeg.length / 2),
    empty: new Uint8Array(0),
    bomb,
    'a sound': Buffer.from('RIFF\0\0\0\0WAVEfmt '),
    animated: moving,
    'one pixel high': await sharp({ create: { width: 3000, height: 1, channels: 3, background: 'red' } })
      .png()
      .toBuffer(),
  };
  const all = outcomes(
    await spaces.imagebind.embedEach(
      'image',
      Object.values(inputs).map((bytes) => ({ bytes: new Uint8Array(bytes) })),
    ),
  );
  expect(all).toEqual([
    ['row', ''],
    refused('png could not be decoded'),
    refused('jpeg could not be decoded'),
    refused('These 0 bytes'),
    refused('60000 × 60000 pixels'),
    refused('begin as none of'),
    ['row', ''],
    ['row', ''],
  ]);
});

/** Sines, of another pitch in each channel. */
const wave = (samples: number, sampleRate: number, channels = 1): ModalityInputs['audio'] => ({
  channels: Array.from({ length: channels }, (_, c) =>
    Float32Array.from({ length: samples }, (_, i) => Math.sin(i / (5 + c)) / 2),
  ),
  sampleRate,
});

describe('of sounds, the bad ones are named and the others have rows', () => {
  const broken = wave(8000, 16_000);
  broken.channels[0]?.fill(Number.NaN, 77, 78);
  const sounds = {
    good: wave(8000, 16_000),
    'no samples': wave(0, 16_000),
    'no channels': wave(8000, 16_000, 0),
    'one sample': wave(1, 16_000),
    NaN: broken,
    'eight channels': wave(8000, 16_000, 8),
    'channels of two lengths': { channels: [new Float32Array(5), new Float32Array(6)], sampleRate: 16_000 },
    '7 Hz': wave(14, 7),
    '384 kHz': wave(96_000, 384_000),
    'a rate that lies': wave(8000, 2 ** 32 - 1),
    'no rate': wave(8000, Number.NaN),
    'an hour': wave(3600 * 7, 7),
  };
  const NUMBER = 'FREEBIND_NUMBER_INVALID';
  const ARGUMENT = 'FREEBIND_ARGUMENT_INVALID';

  test.each([
    ['imagebind', ARGUMENT],
    ['clap-general', 'row'],
  ] as const)('by %s', async (id, one) => {
    const all = outcomes(await spaces[id].embedEach('audio', Object.values(sounds)));
    expect(Object.fromEntries(Object.keys(sounds).map((name, i) => [name, all[i]?.[0]]))).toEqual({
      good: 'row',
      'no samples': ARGUMENT,
      'no channels': ARGUMENT,
      // ImageBind's filter bank needs 25 ms.
      'one sample': one,
      NaN: NUMBER,
      'eight channels': 'row',
      'channels of two lengths': ARGUMENT,
      '7 Hz': 'row',
      '384 kHz': 'row',
      'a rate that lies': ARGUMENT,
      'no rate': ARGUMENT,
      'an hour': ARGUMENT,
    });
    expect(all[4]?.[1]).toContain('Sample 77 of channel 0');
    expect(all[11]?.[1]).toContain('lasts 3600 s');
  });
});
