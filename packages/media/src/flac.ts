import { type Decoded, using } from './decoders.ts';
import { flacFrames } from './flac-frames.ts';
import { readFlacHead } from './flac-head.ts';
import { unreadable } from './limits.ts';
import type { SoundSoFar } from './sound-so-far.ts';

/**
 * Decodes FLAC into `sound`, a frame at a time: one of 26 bytes can hold 2 MiB of silence.
 *
 * @throws FREEBIND_FILE_INVALID for fewer samples than it says, what `sound` refuses, and the decoder's errors
 */
export async function decodeFlac(bytes: Uint8Array, sound: SoundSoFar): Promise<void> {
  const { samples = 0, channels, sampleRate, frames } = readFlacHead(bytes);
  sound.expect({ samples, channels, sampleRate });
  const { FLACDecoder } = await import('@wasm-audio-decoders/flac');
  await using(new FLACDecoder(), async (decoder) => {
    for (const frame of flacFrames(frames)) sound.add(onGrid(await decoder.decodeFrames([frame])));
  });
  if (sound.samples < samples)
    throw unreadable(
      `The flac has ${sound.samples} of the ${samples} samples that it says: it is damaged or cut short. Get it again from its source.`,
    );
}

/** FLAC's whole numbers come over 2^(bits − 1) − 1; torchaudio and libsndfile, and so the encoders, have them over 2^(bits − 1). */
function onGrid<D extends Decoded & { readonly bitDepth: number }>(decoded: D): D {
  const half = 2 ** (decoded.bitDepth - 1);
  for (const channel of decoded.channelData)
    for (let i = 0; i < channel.length; i++) channel[i] = Math.round((channel[i] ?? 0) * (half - 1)) / half;
  return decoded;
}
