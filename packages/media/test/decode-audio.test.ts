import { readFile } from 'node:fs/promises';
import { KaiserResampler } from '@freebind/preprocess';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeAudio, readAudio } from '../src/index.ts';
import { outcomeOf, READ_OR_NAMED } from './outcome.ts';
import { wavFile } from './wav-file.ts';

const fixture = (name: string): URL => new URL(`../../../fixtures/media/${name}`, import.meta.url);
const tone = await decodeAudio(await readFile(fixture('tone.s16.wav')));

/** Largest difference of two sounds, over all channels. */
function distance(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  return Math.max(
    ...a.map((channel, c) => channel.reduce((max, x, i) => Math.max(max, Math.abs(x - (b[c]?.[i] ?? Number.NaN))), 0)),
  );
}

/** The first sample of a file of one or two bytes in a companded format. */
const first = async (tag: number, bytes: number): Promise<number | undefined> =>
  (await decodeAudio(wavFile([bytes], { tag, frame: 1 }))).channels[0]?.[0];

/** Energy of all channels. */
const power = (parts: readonly Float32Array[]): number =>
  parts.reduce((sum, part) => sum + part.reduce((s, x) => s + x * x, 0), 0);

describe('every sample format of WAV', () => {
  // What the format itself loses of samples of at most 0.5: half a step; bytes were dithered, which may add another. Companding
  // keeps four bits of mantissa, steps of 1/32 below 0.5, and A-law first cuts to 13 bits.
  test.for([
    ['s24', 0],
    ['s32', 0],
    ['f32', 0],
    ['f64', 0],
    ['rf64', 0],
    ['u8', 1.5 / 128],
    ['alaw', 0.5 / 32 + 2 ** -12],
    ['mulaw', 0.5 / 32],
  ] as const)('%s', async ([name, loss]) => {
    const { channels, sampleRate } = await decodeAudio(await readFile(fixture(`tone.${name}.wav`)));
    expect([channels.length, channels[0]?.length, sampleRate]).toEqual([2, 4000, 16_000]);
    expect(distance(channels, tone.channels)).toBeLessThanOrEqual(loss);
  });

  test('whole numbers over 2¹⁵, as torchaudio reads them', async () => {
    const { channels } = await decodeAudio(wavFile([-32_768, -1, 0, 1, 32_767]));
    expect([...(channels[0] ?? [])]).toEqual([-1, -(2 ** -15), 0, 2 ** -15, 32_767 / 32_768]);
  });

  test('A-law and µ-law by their extremes (ITU-T G.711)', async () => {
    expect(await first(6, 0x2a2a)).toBe(-32_256 / 32_768);
    expect(await first(6, 0xaaaa - 0x10000)).toBe(32_256 / 32_768);
    expect(await first(7, 0)).toBe(-32_124 / 32_768);
    expect(await first(7, 0x8080 - 0x10000)).toBe(32_124 / 32_768);
  });

  test('with chunks that nobody asked for, and a stream that never said its length', async () => {
    const junk = Buffer.concat([Buffer.from('LIST'), Buffer.from([3, 0, 0, 0, 1, 2, 3, 0])]);
    expect((await decodeAudio(wavFile([1, 2, 3], { before: junk }))).channels[0]?.length).toBe(3);
    for (const lie of [
      { dataSize: 0xffffffff },
      // What is written first, and mended when all is there.
      { dataSize: 0, fileSize: 0 },
      { dataSize: 0, fileSize: 36 },
      { dataSize: 0, fileSize: 0xffffffff },
    ])
      expect((await decodeAudio(wavFile([1, 2, 3], lie))).channels[0]?.length).toBe(3);
  });
});

describe('compressed sounds', () => {
  test('FLAC to the bit', async () => {
    const { channels } = await decodeAudio(await readFile(fixture('tone.flac')));
    expect(distance(channels, tone.channels)).toBe(0);
  });

  // 64 to 96 kbit/s leave the two sines at least 20 dB above what they lose (measured: 27 to 40), away from the start, where
  // encoders fade in. A delay of four samples, a ninth of the higher sine's period, would lose 0.4 of it.
  test.for(['mp3', 'id3.mp3', 'ogg', 'opus', 'm4a'])('%s without delay and in full length', async (name) => {
    const { channels, sampleRate } = await decodeAudio(await readFile(fixture(`tone.${name}`)));
    const wanted = tone.channels.map((channel) => new KaiserResampler(16_000, sampleRate).resample(channel));
    expect(channels.map((channel) => channel.length)).toEqual(wanted.map((channel) => channel.length));
    const [start, end] = [Math.floor(0.4 * (wanted[0]?.length ?? 0)), Math.floor(0.8 * (wanted[0]?.length ?? 0))];
    const middle = wanted.map((channel) => channel.subarray(start, end));
    const lost = middle.map((channel, c) => channel.map((x, i) => x - (channels[c]?.[start + i] ?? Number.NaN)));
    expect(power(lost) / power(middle)).toBeLessThan(0.01);
  });
});

describe('refuses', () => {
  test.for([
    ['nothing', new Uint8Array(0), 'begin as none of'],
    ['text', Buffer.from('I am a WAV, honestly'), 'begin as none of'],
    ['a picture that is called a sound', Buffer.from([0x89, 0x50, 0x4e, 0x47]), 'begin as none of'],
    ['a head alone', Buffer.from('RIFF\0\0\0\0WAVE'), 'no data chunk'],
    ['no samples', wavFile([]), 'no samples'],
    ['no samples, but a chunk behind them', wavFile([0x494c, 0x5453, 4, 0, 1, 2], { dataSize: 0 }), 'no samples'],
    ['fewer samples than it says', wavFile([1, 2], { dataSize: 4000 }), 'was cut short'],
    ['no channels', wavFile([1], { channels: 0 }), '0 channels'],
    ['a thousand channels', wavFile([1], { channels: 1000 }), '1000 channels'],
    ['a rate of 0', wavFile([1], { sampleRate: 0 }), 'at 0 Hz'],
    ['a format that nobody knows', wavFile([1], { tag: 85 }), 'has the format 85'],
    ['frames that do not fit', wavFile([1], { frame: 7 }), 'frames of 7 bytes'],
  ] as const)('%s', async ([, bytes, message]) => {
    await expect(decodeAudio(bytes)).rejects.toMatchObject({
      code: 'FREEBIND_FILE_INVALID',
      message: expect.stringContaining(message),
    });
  });

  test('samples that are no numbers, naming the first', async () => {
    const file = await readFile(fixture('tone.f32.wav'));
    file.writeFloatLE(Number.NaN, file.length - 8);
    await expect(decodeAudio(file)).rejects.toMatchObject({
      code: 'FREEBIND_NUMBER_INVALID',
      message: expect.stringContaining('Sample 3999 of channel 0 is NaN'),
    });
  });

  test('to go on after its signal', async () => {
    await expect(readAudio(fixture('tone.mp3'), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'FREEBIND_ABORTED',
    });
  });
});

test('one sample, eight channels, 7 Hz and 384 kHz are sounds', async () => {
  expect((await decodeAudio(wavFile([5]))).channels[0]?.length).toBe(1);
  expect((await decodeAudio(wavFile([1, 2, 3, 4, 5, 6, 7, 8], { channels: 8 }))).channels.length).toBe(8);
  for (const sampleRate of [7, 384_000])
    expect((await decodeAudio(wavFile([1], { sampleRate }))).sampleRate).toBe(sampleRate);
});

test('bytes that were changed anywhere in a WAV give a sound or a named error', async () => {
  const file = wavFile([1, 2, 3, 4, 5, 6], { before: Buffer.from('fact\x04\0\0\0abcd', 'latin1') });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 6 }),
      fc.nat(file.length),
      async (changes, end) => {
        const bad = Buffer.from(file);
        for (const [at, byte] of changes) bad[at] = byte;
        expect(await outcomeOf(decodeAudio(bad.subarray(0, end)))).toMatch(READ_OR_NAMED);
      },
    ),
    { numRuns: 3000 },
  );
});
