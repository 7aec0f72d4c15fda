/** Rows of numbers over time: [frames, bands], float32. */
export interface Frames {
  readonly frames: number;
  readonly bands: number;
  readonly data: Float32Array;
}

/**
 * Frames stretched or shrunk to another number of them, linearly between the two nearest, without antialiasing:
 * torchvision's bilinear `Resize` of a [1, frames, bands] image (CLAP `training/data.py`, `get_audio_features`: `mel_shrink`).
 */
export function resizeFrames({ frames, bands, data }: Frames, wanted: number): Frames {
  const out = new Float32Array(wanted * bands);
  for (let i = 0; i < wanted; i++) {
    const place = Math.max(((i + 0.5) * frames) / wanted - 0.5, 0);
    const low = Math.min(Math.floor(place), frames - 1);
    const high = Math.min(low + 1, frames - 1);
    const share = place - low;
    for (let b = 0; b < bands; b++)
      out[i * bands + b] = (1 - share) * (data[low * bands + b] ?? 0) + share * (data[high * bands + b] ?? 0);
  }
  return { frames: wanted, bands, data: out };
}
