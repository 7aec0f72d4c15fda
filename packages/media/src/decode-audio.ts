import type { ModalityInputs } from '@freebind/core';
import { checkFinite } from './finite.ts';
import { checkBytes, checkSignal, MAX_SECONDS, type MediaLimits, unreadable } from './limits.ts';
import { decodeM4a } from './m4a.ts';
import { opusLength } from './opus-length.ts';
import { type AudioFormat, sniffAudio } from './sniff.ts';
import { readWav } from './wav.ts';

type Audio = ModalityInputs['audio'];

/**
 * Decodes WAV (PCM, float, A-law, µ-law), FLAC, MP3, Ogg Vorbis, Ogg Opus (at 48 kHz) and, with `node-web-audio-api` installed,
 * M4A, at their own sample rate: channels of samples in [−1, 1], where a float WAV may exceed that range.
 *
 * @throws FREEBIND_FILE_INVALID for bytes that are no such sound, are damaged or cut short, or last longer than `maxSeconds`
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
  const audio = format === 'wav' ? readWav(bytes) : await decodeCompressed(format, bytes);
  checkSignal(signal);
  const { channels, sampleRate } = audio;
  const samples = channels[0]?.length ?? 0;
  if (samples === 0 || !(sampleRate > 0))
    throw unreadable(`The ${format} has no samples. Get it again from its source, or leave it out.`);
  if (samples / sampleRate > maxSeconds) {
    throw unreadable(
      `The ${format} lasts ${Math.round(samples / sampleRate)} s, longer than the limit of ${maxSeconds} s. Cut it, or decode it in a program with a higher limit (\`maxSeconds\`).`,
    );
  }
  // Of WAV only floats can be anything else, which `readWav` sees to.
  if (format !== 'wav') checkFinite(channels);
  return audio;
}

/** What the decoders of the wasm-audio-decoders family give. */
interface Decoded {
  readonly channelData: readonly Float32Array[];
  readonly sampleRate: number;
  readonly bitDepth?: number;
  readonly errors: readonly { readonly message: string }[];
}

interface Decoder {
  readonly ready: Promise<void>;
  free(): void;
}

async function decodeCompressed(format: Exclude<AudioFormat, 'wav'>, bytes: Uint8Array): Promise<Audio> {
  if (format === 'm4a') return decodeM4a(bytes);
  try {
    const decoded = await DECODERS[format](bytes);
    const [error] = decoded.errors;
    if (error !== undefined) throw new Error(error.message);
    const { channelData, sampleRate, bitDepth } = decoded;
    if (format === 'flac') for (const channel of channelData) onGrid(channel, bitDepth ?? 16);
    const length = format === 'opus' ? opusLength(bytes) : undefined;
    return { channels: channelData.map((channel) => channel.subarray(0, length)), sampleRate };
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw unreadable(
      `The ${format} could not be decoded (${reason}): it is damaged or cut short. Get it again from its source.`,
      error,
    );
  }
}

/** Each decoder is WebAssembly, loaded when the first file of its format comes. */
const DECODERS: Readonly<Record<Exclude<AudioFormat, 'wav' | 'm4a'>, (bytes: Uint8Array) => Promise<Decoded>>> = {
  flac: async (bytes) => {
    const { FLACDecoder } = await import('@wasm-audio-decoders/flac');
    return using(new FLACDecoder(), (decoder) => decoder.decodeFile(bytes));
  },
  mp3: async (bytes) => {
    const { MPEGDecoder } = await import('mpg123-decoder');
    return using(new MPEGDecoder(), (decoder) => decoder.decode(bytes));
  },
  vorbis: async (bytes) => {
    const { OggVorbisDecoder } = await import('@wasm-audio-decoders/ogg-vorbis');
    return using(new OggVorbisDecoder(), (decoder) => decoder.decodeFile(bytes));
  },
  opus: async (bytes) => {
    const { OggOpusDecoder } = await import('ogg-opus-decoder');
    return using(new OggOpusDecoder(), (decoder) => decoder.decodeFile(bytes));
  },
};

/** FLAC's whole numbers come over 2^(bits − 1) − 1; torchaudio and libsndfile, and so the encoders, have them over 2^(bits − 1). */
function onGrid(channel: Float32Array, bits: number): void {
  const half = 2 ** (bits - 1);
  for (let i = 0; i < channel.length; i++) channel[i] = Math.round((channel[i] ?? 0) * (half - 1)) / half;
}

async function using<D extends Decoder>(
  decoder: D,
  decode: (decoder: D) => Decoded | Promise<Decoded>,
): Promise<Decoded> {
  try {
    await decoder.ready;
    return await decode(decoder);
  } finally {
    decoder.free();
  }
}
