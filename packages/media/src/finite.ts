import { FreebindError } from '@freebind/core';

/** @throws FREEBIND_NUMBER_INVALID for samples that are NaN or infinite, naming the first */
export function checkFinite(channels: readonly Float32Array[]): void {
  channels.forEach((channel, c) => {
    const bad = firstNotFinite(channel);
    if (bad >= 0) {
      throw new FreebindError(
        'FREEBIND_NUMBER_INVALID',
        `Sample ${bad} of channel ${c} is ${channel[bad]}; samples must be finite. Make the file again from its source.`,
      );
    }
  });
}

/** The place of the first sample that is NaN or infinite, or −1. */
function firstNotFinite(samples: Float32Array): number {
  // x − x is 0 for finite numbers alone, and one sum is all that most sounds need.
  let sum = 0;
  for (let i = 0; i < samples.length; i++) sum += (samples[i] ?? 0) - (samples[i] ?? 0);
  return sum === 0 ? -1 : samples.findIndex((sample) => !Number.isFinite(sample));
}
