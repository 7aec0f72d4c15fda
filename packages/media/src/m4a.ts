import { FreebindError, type ModalityInputs } from '@freebind/core';
import { unreadable } from './limits.ts';
import { indexFirst } from './mp4-boxes.ts';
import { heardSamples } from './mp4-edit.ts';
import { countPackets } from './mp4-packets.ts';
import { checkSeconds } from './sound-limit.ts';

/** Samples of an AAC packet (ISO/IEC 14496-3, 4.5.1.1). */
const PACKET = 1024;
/** Packets that are cut off at most: encoders put two or three in front, and fill up the last. */
const PADDING = 4;

/**
 * Decodes AAC in an MP4 file by `node-web-audio-api` (BSD-3-Clause, 51 MB with the binaries of seven platforms), which is an
 * optional peer: there is no AAC decoder on npm that is both small and not under the GPL. Its context is opened at the file's
 * own rate, since `decodeAudioData` resamples to the context's. What the encoder put in front and behind is cut off by the
 * file's edit list. It decodes a file as a whole, so that one is refused by its number of packets.
 *
 * @throws FREEBIND_PLUGIN_MISSING FREEBIND_FILE_INVALID
 */
export async function decodeM4a(bytes: Uint8Array, maxSeconds: number): Promise<ModalityInputs['audio']> {
  const sampleRate = rateOf(bytes);
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  checkSeconds('m4a', { samples: (countPackets(file) - PADDING) * PACKET, sampleRate }, maxSeconds);
  const { OfflineAudioContext } = await import('node-web-audio-api').catch((cause: unknown) => {
    throw new FreebindError(
      'FREEBIND_PLUGIN_MISSING',
      'M4A is decoded by node-web-audio-api, which is not installed. Install it: npm i node-web-audio-api',
      { cause },
    );
  });
  try {
    const context = new OfflineAudioContext(1, 1, sampleRate);
    const decoded = await context.decodeAudioData(Uint8Array.from(indexFirst(file)).buffer);
    const { start, length } = heardSamples(file, sampleRate) ?? { start: 0, length: decoded.length };
    // Less than a packet is what the list's units leave open.
    if (decoded.length + PACKET < length) throw new Error(`${decoded.length} of its ${length} samples`);
    // A decoder that follows the list has cut already.
    const from = start + length <= decoded.length ? start : 0;
    return {
      channels: Array.from({ length: decoded.numberOfChannels }, (_, c) =>
        decoded.getChannelData(c).subarray(from, from + length),
      ),
      sampleRate: decoded.sampleRate,
    };
  } catch (error) {
    throw unreadable(
      `The m4a could not be decoded (${error instanceof Error ? error.message : String(error)}): it is damaged, cut short or not AAC. Get it again from its source.`,
      error,
    );
  }
}

/** The sample rate in an MP4 file's `mp4a` sample entry (ISO/IEC 14496-12, 8.5.2: a 16.16 fixed-point number at byte 28 of the entry's box). */
function rateOf(bytes: Uint8Array): number {
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf('mp4a', 0, 'latin1');
  const place = at - 4 + 32;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rate = at >= 4 && place + 4 <= bytes.length ? view.getUint32(place) / 2 ** 16 : 0;
  // What the Web Audio API takes.
  if (rate >= 3000 && rate <= 768_000) return rate;
  throw unreadable('The MP4 file has no AAC track with a sample rate. Convert its sound to WAV, FLAC or MP3.');
}
