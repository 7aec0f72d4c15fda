import { isFreebindError, type ModalityInputs } from '@freebind/core';
import { checkFinite } from './finite.ts';
import { decodeFlac } from './flac.ts';
import { checkBytes, checkSignal, MAX_SECONDS, type MediaLimits, unreadable } from './limits.ts';
import { decodeM4a } from './m4a.ts';
import { decodeMp3 } from './mp3.ts';
import { decodeOpus, decodeVorbis } from './ogg.ts';
import { type AudioFormat, sniffAudio } from './sniff.ts';
import { checkSeconds } from './sound-limit.ts';
import { type Bounds, SoundSoFar } from './sound-so-far.ts';
import { readWav } from './wav.ts';

type Audio = ModalityInputs['audio'];

/**
 * Decodes WAV (PCM, float, A-law, µ-law), FLAC, MP3, Ogg Vorbis, Ogg Opus (at 48 kHz) and, with `node-web-audio-api` installed,
 * M4A, at their own sample rate: channels of samples in [−1, 1], where a float WAV may exceed that range.
 *
 * A sound that is too long is refused by what its file says of itself, and where that is a lie as soon as more than `maxSeconds` has come
 * out, M4A by what it says alone.
 *
 * What was cut short is refused where the format tells: WAV by its size, FLAC by its number of samples and by frames, Ogg by pages, MP3 by the frames and
 * bytes that its first frame counts, M4A by its edit list, to two packets. Shorter sounds are MP3 of
 * encoders that did not know their length, FLAC of such that is cut between two frames, and Ogg that is cut between two pages.
 *
 * @throws FREEBIND_FILE_INVALID for bytes that are no such sound, are damaged or cut short, or last longer than `maxSeconds`, or for its
 * time are more samples than six channels at 48 kHz have
 * @throws FREEBIND_NUMBER_INVALID for samples that are NaN or infinite, naming the first
 * @throws FREEBIND_PLUGIN_MISSING for M4A without its decoder; FREEBIND_ARGUMENT_INVALID for what are no bytes; FREEBIND_ABORTED
 */
export async function decodeAudio(bytes: Uint8Array, limits: MediaLimits = {}): Promise<Audio> {
  const { maxSeconds = MAX_SECONDS, signal } = limits;
  checkSignal(signal);
  checkBytes(bytes);
  const format = sniffAudio(bytes);
  if (format === undefined) {
    throw unreadable(
      `These ${bytes.length} bytes begin as none of WAV, FLAC, MP3, Ogg Vorbis, Ogg Opus and M4A do. Convert the sound to one of them.`,
    );
  }
  const audio = await decodeAs(format, bytes, { maxSeconds, signal });
  checkSignal(signal);
  const { channels, sampleRate } = audio;
  const samples = channels[0]?.length ?? 0;
  if (samples === 0 || !(sampleRate > 0))
    throw unreadable(`The ${format} has no samples. Get it again from its source, or leave it out.`);
  checkSeconds(format, { samples, sampleRate }, maxSeconds);
  // Of WAV only floats can be anything else, which `readWav` sees to.
  if (format !== 'wav') checkFinite(channels);
  return audio;
}

function decodeAs(format: AudioFormat, bytes: Uint8Array, bounds: Bounds): Audio | Promise<Audio> {
  if (format === 'wav') return readWav(bytes);
  if (format === 'm4a') return decodeM4a(bytes, bounds.maxSeconds);
  return decodeStreamed(format, bytes, bounds);
}

/** Each decoder is WebAssembly, loaded when the first file of its format comes. */
const DECODERS: Readonly<
  Record<Exclude<AudioFormat, 'wav' | 'm4a'>, (bytes: Uint8Array, sound: SoundSoFar) => Promise<void>>
> = { flac: decodeFlac, mp3: decodeMp3, vorbis: decodeVorbis, opus: decodeOpus };

async function decodeStreamed(format: keyof typeof DECODERS, bytes: Uint8Array, bounds: Bounds): Promise<Audio> {
  const sound = new SoundSoFar(format, bounds);
  try {
    await DECODERS[format](bytes, sound);
    return sound.end();
  } catch (error) {
    if (isFreebindError(error)) throw error;
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw unreadable(
      `The ${format} could not be decoded (${reason}): it is damaged or cut short. Get it again from its source.`,
      error,
    );
  }
}
