import { unreadable } from './limits.ts';
import { id3Length, says } from './sniff.ts';

/** What a FLAC file says of itself, and where its frames are. */
export interface FlacHead {
  /** Of one channel; undefined where the encoder did not know. */
  readonly samples: number | undefined;
  readonly channels: number;
  readonly sampleRate: number;
  /** From the first frame to the last: decoders that look for frames in pictures and tags find some. */
  readonly frames: Uint8Array;
}

/** Reads the metadata blocks of a FLAC file (RFC 9639, 8). @throws FREEBIND_FILE_INVALID */
export function readFlacHead(bytes: Uint8Array): FlacHead {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const info = id3Length(bytes) + 4;
  let at = info;
  for (let last = false; !last;) {
    if (at + 4 > bytes.length) throw unreadable('The flac ends within its metadata: it was cut short.');
    const block = view.getUint32(at);
    last = block >= 2 ** 31;
    at += 4 + (block & 0xffffff);
  }
  // The first block is STREAMINFO, type 0: after the sizes of blocks and frames 20 bits of rate, 3 of channels, 5 of depth, 36 of samples.
  if (((bytes[info] ?? 0) & 0x7f) !== 0 || info + 22 > bytes.length)
    throw unreadable('The flac does not begin with its STREAMINFO block: it is damaged. Get it again from its source.');
  const packed = view.getUint32(info + 14);
  const samples = (packed & 0xf) * 2 ** 32 + view.getUint32(info + 18);
  return {
    samples: samples === 0 ? undefined : samples,
    channels: ((packed >>> 9) & 7) + 1,
    sampleRate: packed >>> 12,
    frames: bytes.subarray(at, says(bytes, bytes.length - ID3V1, 'TAG') ? bytes.length - ID3V1 : bytes.length),
  };
}

/** Bytes of an ID3v1 tag, which some programs put behind any sound. */
const ID3V1 = 128;
