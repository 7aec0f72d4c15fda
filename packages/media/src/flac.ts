import type CodecParser from 'codec-parser';
import type { CodecFrame } from 'codec-parser';
import { type Decoded, using } from './decoders.ts';
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
  const [{ FLACDecoder }, { default: Parser }] = await Promise.all([
    import('@wasm-audio-decoders/flac'),
    import('codec-parser'),
  ]);
  // The decoder's own.
  const parser = new Parser<CodecFrame>('audio/flac', { enableFrameCRC32: false });
  await using(new FLACDecoder(), async (decoder) => {
    for (const { data } of framesIn(frames, parser)) sound.add(onGrid(await decoder.decodeFrames([data])));
  });
  if (sound.samples < samples)
    throw unreadable(
      `The flac has ${sound.samples} of the ${samples} samples that it says: it is damaged or cut short. Get it again from its source.`,
    );
}

function* framesIn(bytes: Uint8Array, parser: CodecParser<CodecFrame>): Generator<CodecFrame, void, undefined> {
  for (const found of [parser.parseChunk(bytes), parser.flush()])
    for (let next = found.next(); next.done !== true; next = found.next()) yield next.value;
}

/** FLAC's whole numbers come over 2^(bits − 1) − 1; torchaudio and libsndfile, and so the encoders, have them over 2^(bits − 1). */
function onGrid<D extends Decoded & { readonly bitDepth: number }>(decoded: D): D {
  const half = 2 ** (decoded.bitDepth - 1);
  for (const channel of decoded.channelData)
    for (let i = 0; i < channel.length; i++) channel[i] = Math.round((channel[i] ?? 0) * (half - 1)) / half;
  return decoded;
}
