import { FreebindError, type ModalityInputs } from '@freebind/core';
import { kernelsFor } from './kernels.ts';

type Audio = ModalityInputs['audio'];

/** Longest sound that is prepared, in seconds: half an hour, of which encoders hear seconds. Resampling an hour takes a minute. */
const MOST_SECONDS = 1800;

/**
 * Refuses what no encoder can hear.
 *
 * @throws FREEBIND_ARGUMENT_INVALID for no channels, no samples, channels of several lengths, an impossible rate or more than half
 * an hour; FREEBIND_NUMBER_INVALID for samples that are not finite, naming the first
 */
export function checkSound({ channels, sampleRate }: Audio): void {
  const samples = channels[0]?.length ?? 0;
  if (samples === 0 || channels.some((channel) => channel.length !== samples)) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `The sound has ${channels.length} channels of ${channels.map((channel) => channel.length).join(', ') || 'no'} samples, expected at least one, all of one length above 0.`,
    );
  }
  if (samples / sampleRate > MOST_SECONDS) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `The sound lasts ${Math.round(samples / sampleRate)} s, longer than the ${MOST_SECONDS} s that are prepared. Cut it into pieces.`,
    );
  }
  channels.forEach((channel, c) => {
    const bad = firstNotFinite(channel);
    if (bad >= 0) {
      throw new FreebindError(
        'FREEBIND_NUMBER_INVALID',
        `Sample ${bad} of channel ${c} at ${sampleRate} Hz is ${channel[bad]}; samples must be finite. Decode the sound again.`,
      );
    }
  });
}

/** The place of the first sample that is NaN or infinite, or −1. */
export function firstNotFinite(samples: Float32Array): number {
  // One look at the largest is all that most sounds need.
  return Number.isFinite(largest(samples)) ? -1 : samples.findIndex((sample) => !Number.isFinite(sample));
}

/** Samples that are looked at at a time, a multiple of 4. */
const PIECE = 2 ** 15;

/** The largest absolute value; NaN where there is one. */
export function largest(samples: Float32Array): number {
  const { kernels, at } = kernelsFor([4 * PIECE]);
  const floats = new Float32Array(kernels.memory.buffer, at[0], PIECE);
  let most = 0;
  for (let start = 0; start < samples.length; start += PIECE) {
    const part = samples.subarray(start, start + PIECE);
    floats.set(part);
    const rest = 4 * Math.ceil(part.length / 4);
    floats.fill(0, part.length, rest);
    most = Math.max(most, kernels.largest(at[0], rest));
  }
  return most;
}

/** The mean over channels, summed in float32 as librosa's `to_mono`. */
export function mixDown(channels: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(0), ...others] = channels;
  if (others.length === 0) return first;
  const sum = Float32Array.from(first);
  for (const channel of others) for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + (channel[i] ?? 0);
  for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) / channels.length;
  return sum;
}
