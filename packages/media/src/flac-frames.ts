import { unreadable } from './limits.ts';

/**
 * The frames of a FLAC file (RFC 9639, 9), one behind the other. What a frame's length is nobody says: it ends where its checksum is right
 * and another frame begins, or nothing.
 *
 * Own code: codec-parser, the decoder's own, takes the checksum anew from a frame's beginning for each header that may be its end, which for
 * headers in a row takes hours.
 *
 * @throws FREEBIND_FILE_INVALID for what is no frame, or for one without its end
 */
export function* flacFrames(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
  let start = 0;
  let sum = 0;
  for (let from = 0; start < bytes.length;) {
    if (from === start && !isHeader(bytes, start))
      throw unreadable('The flac goes on with what is no frame: it is damaged. Get it again from its source.');
    const next = nextHeader(bytes, from + 1);
    sum = checksum(sum, bytes, from, next);
    if (sum === 0) {
      yield bytes.subarray(start, next);
      start = next;
    } else if (next === bytes.length)
      throw unreadable(
        'The flac has a frame without its end: it is damaged or cut short. Get it again from its source.',
      );
    from = next;
  }
}

/** The place of the next header, or the end. */
function nextHeader(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at >= 0; at = bytes.indexOf(0xff, at + 1))
    if (isHeader(bytes, at)) return at;
  return bytes.length;
}

/** Whether a frame's header stands at a place, by its checksum (9.1). */
function isHeader(bytes: Uint8Array, at: number): boolean {
  const [sync = 0, strategy = 0, sizes = 0, layout = 0, number = 0] = bytes.subarray(at, at + 5);
  if (sync !== 0xff || (strategy & 0xfe) !== 0xf8 || (layout & 1) !== 0) return false;
  const [block, rate] = [sizes >> 4, sizes & 15];
  // Values that are reserved: of the block's size, the rate, and the channels.
  if (block === 0 || rate === 15 || layout >> 4 > 10) return false;
  // The number's first byte begins with as many ones as it has bytes, or with a zero.
  const ones = Math.clz32(~(number << 24));
  if (ones === 1 || ones > 7) return false;
  const end = at + 4 + Math.max(1, ones) + (BYTES_OF_BLOCK[block] ?? 0) + (BYTES_OF_RATE[rate] ?? 0);
  let sum = 0;
  for (let i = at; i < end; i++) sum = HEADER_SUMS[sum ^ (bytes[i] ?? 0)] ?? 0;
  return end < bytes.length && bytes[end] === sum;
}

/** Bytes at a header's end that say the size of the block and the rate, by their codes (9.1.1, 9.1.2). */
const BYTES_OF_BLOCK: Readonly<Record<number, number>> = { 6: 1, 7: 2 };
const BYTES_OF_RATE: Readonly<Record<number, number>> = { 12: 1, 13: 2, 14: 2 };

/** A frame's checksum (9.3), which is 0 when its own two bytes have gone in. */
function checksum(sum: number, bytes: Uint8Array, from: number, to: number): number {
  for (let i = from; i < to; i++) sum = ((sum << 8) & 0xffff) ^ (FRAME_SUMS[(sum >> 8) ^ (bytes[i] ?? 0)] ?? 0);
  return sum;
}

const HEADER_SUMS = Uint8Array.from({ length: 256 }, (_, byte) => afterByte(byte, 8, 0x07));
const FRAME_SUMS = Uint16Array.from({ length: 256 }, (_, byte) => afterByte(byte << 8, 16, 0x8005));

/** What eight bits at the top of a sum make of it. */
function afterByte(sum: number, bits: 8 | 16, polynomial: number): number {
  for (let bit = 0; bit < 8; bit++) sum = (sum << 1) ^ ((sum >> (bits - 1)) & 1 ? polynomial : 0);
  return sum & (2 ** bits - 1);
}
