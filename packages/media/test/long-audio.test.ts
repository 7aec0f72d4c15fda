import { readFile } from 'node:fs/promises';
import { FLACDecoder } from '@wasm-audio-decoders/flac';
import { describe, expect, test, vi } from 'vitest';
import { decodeAudio } from '../src/index.ts';
import { BLOCK, silentFlac } from './flac-file.ts';
import { wavFile } from './wav-file.ts';

const fixture = (name: string): Promise<Buffer> =>
  readFile(new URL(`../../../fixtures/media/tone.${name}`, import.meta.url));
const refused = (message: string) => ({ code: 'FREEBIND_FILE_INVALID', message: expect.stringContaining(message) });

/** How a sound is refused, and the samples of FLAC that were decoded for it. */
async function decodedOf(
  bytes: Uint8Array,
  maxSeconds: number,
): Promise<{ readonly error: unknown; readonly samples: number }> {
  const decode = vi.spyOn(FLACDecoder.prototype, 'decodeFrames');
  try {
    const error = await decodeAudio(bytes, { maxSeconds }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    return { error, samples: decode.mock.calls.length * BLOCK };
  } finally {
    decode.mockRestore();
  }
}

describe('a sound of an hour', () => {
  const hour = 3600 * 44_100;

  test('of FLAC, in 37 kB, is refused by its header', async () => {
    const { error, samples } = await decodedOf(silentFlac({ samples: hour }), 1800);
    expect(error).toMatchObject(refused('The flac lasts 3600 s, longer than the limit of 1800 s. Cut it into pieces.'));
    expect(samples).toBe(0);
  });

  test.for([
    ['that does not say its length', 0],
    ['that says it lasts a second', 44_100],
  ] as const)('of FLAC %s is refused as soon as more has come out', async ([, says]) => {
    const before = process.memoryUsage().arrayBuffers;
    const { error, samples } = await decodedOf(silentFlac({ samples: hour, says }), 20);
    expect(error).toMatchObject(refused('The flac goes on after the limit of 20 s. Cut it into pieces.'));
    expect(samples).toBeLessThanOrEqual(20 * 44_100 + BLOCK);
    // An hour takes 635 MB; 20 seconds, the last frame and a decoder with its memory are below a tenth of it.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(63e6);
  });

  test('of FLAC headers in a row, each of which may be an end, is refused in no time', async () => {
    const header = silentFlac({ samples: 1 }).subarray(42, -4);
    const rows = Buffer.concat([silentFlac({ samples: 1 }), ...Array.from({ length: 80_000 }, () => header)]);
    const start = process.cpuUsage();
    await expect(decodeAudio(rows)).rejects.toMatchObject(refused('it is damaged'));
    // To look through a frame's start for each of them took 6 s of 128 kB, and four times that of twice as much.
    expect(process.cpuUsage(start).user).toBeLessThan(5e6);
  });

  test('of FLAC is read where that is allowed', async () => {
    const { channels } = await decodeAudio(silentFlac({ samples: 3600 * 50, sampleRate: 50 }), { maxSeconds: 4000 });
    expect(channels[0]?.length).toBeGreaterThanOrEqual(3600 * 50);
  });

  test('of MP3 is refused by its frames, and where these cannot be counted as soon as more has come out', async () => {
    const frames = (await fixture('mp3')).subarray(20 + 432);
    const copies = Array.from({ length: 200 }, () => frames);
    const long = Buffer.concat(copies);
    await expect(decodeAudio(long, { maxSeconds: 30 })).rejects.toMatchObject(refused('The mp3 lasts 65 s, longer'));
    const hidden = Buffer.concat([frames, Buffer.alloc(100), ...copies]);
    await expect(decodeAudio(hidden, { maxSeconds: 30 })).rejects.toMatchObject(
      refused('The mp3 goes on after the limit'),
    );
    await expect(decodeAudio(long)).resolves.toMatchObject({ sampleRate: 16_000 });
  });

  test.for(['ogg', 'opus'])('of Ogg (%s) is refused by its pages’ positions, and by what comes out', async (name) => {
    const file = await fixture(name);
    const last = file.lastIndexOf('OggS');
    const page = Buffer.from(file.subarray(last));
    page.writeBigInt64LE(3600n * 48_000n, 6);
    const [head, second] = [file.subarray(0, last), Buffer.from(file.subarray(last))];
    second.writeUInt8(0, 5);
    await expect(decodeAudio(Buffer.concat([head, second, page]))).rejects.toMatchObject(
      refused('longer than the limit of 1800 s'),
    );
    const links = Buffer.concat(Array.from({ length: 9 }, () => file));
    await expect(decodeAudio(links, { maxSeconds: 2 })).rejects.toMatchObject(
      refused('goes on after the limit of 2 s'),
    );
  });

  test('of Opus that is a lie of its only page is as long as what is there', async () => {
    const file = await fixture('opus');
    file.writeBigInt64LE(2n ** 40n, file.lastIndexOf('OggS') + 6);
    // 13 packets of 20 ms, without the 6.5 ms in front.
    expect((await decodeAudio(file)).channels[0]?.length).toBe(13 * 960 - 312);
  });

  test('of M4A is refused by its packets', async () => {
    const file = await fixture('m4a');
    file.writeUInt32BE(3600 * 16, file.indexOf('stsz') + 12);
    await expect(decodeAudio(file)).rejects.toMatchObject(
      refused('The m4a lasts 3686 s, longer than the limit of 1800 s'),
    );
  });

  test('of WAV is refused', async () => {
    const wav = wavFile(
      Array.from({ length: 3600 }, () => 0),
      { sampleRate: 1 },
    );
    await expect(decodeAudio(wav)).rejects.toMatchObject(refused('lasts 3600 s'));
    await expect(decodeAudio(wav, { maxSeconds: 3600 })).resolves.toMatchObject({ sampleRate: 1 });
  });
});

test('Ogg with more streams behind each other than a programme has is refused', async () => {
  const file = await fixture('opus');
  const head = file.subarray(0, file.indexOf('OggS', 4));
  const links = (count: number) =>
    Buffer.concat([...Array.from({ length: count - 1 }, () => [head, head]).flat(), file]);
  await expect(decodeAudio(links(102))).rejects.toMatchObject(refused('more than the 100'));
});

describe('a sound with more samples than its time explains', () => {
  const wide = { samples: 3 * BLOCK, sampleRate: 655_350, channels: 8 } as const;

  test('is refused by its header', async () => {
    const { error, samples } = await decodedOf(silentFlac({ ...wide, says: 655_350 * 1700 }), 1800);
    expect(error).toMatchObject(refused('at most 518400000 are decoded in all'));
    expect(samples).toBe(0);
  });

  test('is refused as soon as more has come out', async () => {
    const { error, samples } = await decodedOf(silentFlac({ ...wide, says: 0 }), 2);
    expect(error).toMatchObject(refused('at most 576000 are decoded in all'));
    expect(samples).toBe(2 * BLOCK);
  });

  test('is refused where it claims 255 channels', async () => {
    const file = await fixture('opus');
    file.writeUInt8(255, file.indexOf('OpusHead') + 9);
    await expect(decodeAudio(file)).rejects.toMatchObject(refused('255 channels, more than the 8'));
  });
});
