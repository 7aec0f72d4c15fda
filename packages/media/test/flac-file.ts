/** A FLAC file of silence: of frames that each say in a few bytes that all their samples are 0 (RFC 9639, 9.2.3). */
export function silentFlac({
  samples,
  says = samples,
  sampleRate = 44_100,
  channels = 1,
}: {
  /** Of one channel, rounded up to whole frames. */
  readonly samples: number;
  /** What STREAMINFO says of them; 0 is unknown. */
  readonly says?: number;
  /** Hz, a multiple of 10. */
  readonly sampleRate?: number;
  readonly channels?: number;
}): Uint8Array {
  const frames = Array.from({ length: Math.ceil(samples / BLOCK) }, (_, i) => silentFrame(i, sampleRate, channels));
  return new Uint8Array(Buffer.concat([flacHead({ says, sampleRate, channels }), ...frames]));
}

/** What is in front of the frames: STREAMINFO alone (8.2), of 16 bits a sample. */
export function flacHead({
  says,
  sampleRate,
  channels,
}: {
  readonly says: number;
  readonly sampleRate: number;
  readonly channels: number;
}): Buffer {
  const info = Buffer.alloc(42);
  info.write('fLaC\x80\0\0\x22', 0, 'latin1');
  info.writeUInt16BE(BLOCK, 8);
  info.writeUInt16BE(BLOCK, 10);
  info.writeUInt32BE(((sampleRate << 12) | ((channels - 1) << 9) | (15 << 4) | ((says / 2 ** 32) & 0xf)) >>> 0, 18);
  info.writeUInt32BE(says % 2 ** 32, 22);
  return info;
}

/** A frame of a header, of which only the checksum is missing, if there is one, and what comes behind, both with their checksums (9.1.8, 9.3). */
export function endFrame(header: readonly number[], body: ArrayLike<number>): Buffer {
  const frame = [...header, ...(header.length > 0 ? [crc(header, 8, 0x07)] : []), ...Array.from(body)];
  const check = crc(frame, 16, 0x8005);
  return Buffer.from([...frame, check >> 8, check & 0xff]);
}

/** Samples of a frame, the most that STREAMINFO can say. */
export const BLOCK = 65_535;

/** Eight bits a sample; the size of the block and the rate, in tens of Hz, stand at the header's end. */
function silentFrame(number: number, sampleRate: number, channels: number): Buffer {
  const head = [0xff, 0xf8, 0x7e, ((channels - 1) << 4) | 2, ...utf8(number)];
  head.push((BLOCK - 1) >> 8, (BLOCK - 1) & 0xff, (sampleRate / 10) >> 8, (sampleRate / 10) & 0xff);
  return endFrame(head, new Uint8Array(2 * channels));
}

function utf8(number: number): readonly number[] {
  return [...Buffer.from(String.fromCodePoint(number), 'utf8')];
}

function crc(bytes: readonly number[], bits: 8 | 16, polynomial: number): number {
  const [top, mask] = [2 ** (bits - 1), 2 ** bits - 1];
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << (bits - 8);
    for (let bit = 0; bit < 8; bit++) sum = (sum & top) === 0 ? (sum << 1) & mask : ((sum << 1) & mask) ^ polynomial;
  }
  return sum;
}
