/** A WAV file of 16-bit samples, and headers that lie: what is given replaces what would be true. */
export function wavFile(
  samples: readonly number[],
  lie: {
    readonly channels?: number;
    readonly sampleRate?: number;
    readonly tag?: number;
    readonly frame?: number;
    readonly dataSize?: number;
    readonly fileSize?: number;
    readonly before?: Uint8Array;
  } = {},
): Uint8Array {
  const { channels = 1, sampleRate = 16_000, tag = 1, before = new Uint8Array(0) } = lie;
  const file = Buffer.alloc(44 + before.length + 2 * samples.length);
  file.write('RIFF', 0, 'latin1');
  file.writeUInt32LE(lie.fileSize ?? file.length - 8, 4);
  file.write('WAVEfmt ', 8, 'latin1');
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(tag, 20);
  file.writeUInt16LE(channels, 22);
  file.writeUInt32LE(sampleRate, 24);
  file.writeUInt32LE((sampleRate * channels * 2) % 2 ** 32, 28);
  file.writeUInt16LE(lie.frame ?? channels * 2, 32);
  file.writeUInt16LE(16, 34);
  file.set(before, 36);
  const data = 36 + before.length;
  file.write('data', data, 'latin1');
  file.writeUInt32LE(lie.dataSize ?? 2 * samples.length, data + 4);
  samples.forEach((sample, i) => file.writeInt16LE(sample, data + 8 + 2 * i));
  return file;
}
