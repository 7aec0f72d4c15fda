import { unreadable } from './limits.ts';

/**
 * Samples of all channels together that are decoded at most, a second of `maxSeconds`: six channels at 48 kHz. So half an hour takes at
 * most 2 GiB, while FLAC's highest rate, 655,350 Hz, in its most channels, 8, would take 38 GB.
 */
const MOST_SAMPLES_A_SECOND = 6 * 48_000;

/** Most channels of a compressed sound: as many as FLAC has, and as Vorbis and Opus give places to (RFC 7845, 5.1.1.2). Files can claim 255. */
const MOST_CHANNELS = 8;

/** What is known of a sound's size. */
export interface SoundSize {
  /** Of one channel. */
  readonly samples: number;
  readonly channels: number;
  /** Hz. */
  readonly sampleRate: number;
}

/** Refuses what lasts too long. `whole` is false where there may be more samples than are counted. @throws FREEBIND_FILE_INVALID */
export function checkSeconds(
  format: string,
  { samples, sampleRate }: Omit<SoundSize, 'channels'>,
  maxSeconds: number,
  whole = true,
): void {
  if (!(samples / sampleRate > maxSeconds)) return;
  const found = whole ? `lasts ${Math.round(samples / sampleRate)} s, longer than` : 'goes on after';
  throw unreadable(`The ${format} ${found} the limit of ${maxSeconds} s. Cut it into pieces.`);
}

/** Refuses what takes too much memory, or more channels than loudspeakers have. @throws FREEBIND_FILE_INVALID */
export function checkSamples(format: string, { samples, channels, sampleRate }: SoundSize, maxSeconds: number): void {
  if (channels > MOST_CHANNELS)
    throw unreadable(
      `The ${format} has ${channels} channels, more than the ${MOST_CHANNELS} that are decoded. Mix them down.`,
    );
  const most = maxSeconds * MOST_SAMPLES_A_SECOND;
  if (samples * channels > most)
    throw unreadable(
      `The ${format} has ${samples} samples or more in each of ${channels} channels at ${sampleRate} Hz, but at most ${most} are decoded in all. Cut it into pieces.`,
    );
}
