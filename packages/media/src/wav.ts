import type { ModalityInputs } from '@freebind/core';
import { checkFinite } from './finite.ts';
import { unreadable } from './limits.ts';

/** How samples are stored. Companded and float formats have a width of their own. */
type Encoding = 'pcm' | 'float' | 'a-law' | 'mu-law';

interface Format {
  readonly encoding: Encoding;
  readonly channels: number;
  readonly sampleRate: number;
  /** Bytes of one sample of one channel. */
  readonly width: number;
}

/** Format tags (mmreg.h); 0xFFFE points to the first two bytes of a GUID. */
const TAGS: Readonly<Record<number, Encoding>> = { 1: 'pcm', 3: 'float', 6: 'a-law', 7: 'mu-law' };
const EXTENSIBLE = 0xfffe;
const WIDTHS: Readonly<Record<Encoding, readonly number[]>> = {
  pcm: [1, 2, 3, 4],
  float: [4, 8],
  'a-law': [1],
  'mu-law': [1],
};
/** What writers that cannot seek back leave as a size. */
const STREAMED = 0xffffffff;
/** More channels than any recording has; a header that claims more is lying. */
const MOST_CHANNELS = 64;

/**
 * Reads a WAV file: PCM of 8 to 32 bits, float of 32 and 64, A-law and µ-law, plain or extensible, RIFF or RF64. Whole numbers
 * become floats as torchaudio and libsndfile make them: divided by 2^(bits − 1), bytes being offset by 128. A data chunk that
 * says 2³² − 1 bytes was streamed, and goes to the end of the file; so does one of 0 bytes in a file that does not say that anything
 * comes behind.
 *
 * Own code, for the exact scales and for headers that lie: the libraries on npm trust what a header says.
 *
 * @throws FREEBIND_FILE_INVALID; FREEBIND_NUMBER_INVALID for floats that are NaN or infinite
 */
export function readWav(bytes: Uint8Array): ModalityInputs['audio'] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let format: Format | undefined;
  let long: number | undefined;
  let at = 12;
  while (at + 8 <= bytes.length) {
    const id = String.fromCharCode(...bytes.subarray(at, at + 4));
    const size = view.getUint32(at + 4, true);
    const start = at + 8;
    if (id === 'fmt ') format = readFormat(view, start, size);
    // RF64 has its sizes here, in 64 bits: the file's, then the data's (EBU Tech 3306).
    if (id === 'ds64' && start + 16 <= bytes.length) long = Number(view.getBigUint64(start + 8, true));
    if (id === 'data')
      return readData(view, start, sizeOfData(view, start, size === STREAMED ? (long ?? size) : size), format);
    at = start + size + (size % 2);
  }
  throw unreadable(
    `The WAV file of ${bytes.length} bytes has no data chunk: it is damaged or cut short. Get it again from its source.`,
  );
}

/** Bytes that a data chunk says it has, or that are there where it was streamed. */
function sizeOfData(view: DataView, start: number, size: number): number {
  const whole = view.getUint32(4, true);
  // A size of 0 that was never mended stands in a head that ends here; in one that goes on, it means no samples.
  const streamed = size === STREAMED || (size === 0 && (whole === STREAMED || 8 + whole <= start));
  return streamed ? view.byteLength - start : size;
}

function readFormat(view: DataView, start: number, size: number): Format {
  if (size < 16 || start + size > view.byteLength)
    throw unreadable(`The WAV file's format chunk has ${size} bytes, expected at least 16 within the file.`);
  const plain = view.getUint16(start, true);
  if (plain === EXTENSIBLE && size < 26)
    throw unreadable(`The WAV file's extensible format chunk has ${size} bytes, expected at least 26.`);
  const tag = plain === EXTENSIBLE ? view.getUint16(start + 24, true) : plain;
  const channels = view.getUint16(start + 2, true);
  const sampleRate = view.getUint32(start + 4, true);
  const frame = view.getUint16(start + 12, true);
  const encoding = TAGS[tag];
  const width = frame / channels;
  if (encoding === undefined)
    throw unreadable(
      `The WAV file has the format ${tag}, expected PCM (1), float (3), A-law (6) or µ-law (7). Convert it to PCM.`,
    );
  if (channels < 1 || channels > MOST_CHANNELS || sampleRate < 1)
    throw unreadable(
      `The WAV file says ${channels} channels at ${sampleRate} Hz, expected 1 to ${MOST_CHANNELS} channels and at least 1 Hz.`,
    );
  if (!WIDTHS[encoding].includes(width))
    throw unreadable(
      `The WAV file has frames of ${frame} bytes for ${channels} channels of ${encoding}, expected ${WIDTHS[encoding].join(', ')} bytes a channel.`,
    );
  return { encoding, channels, sampleRate, width };
}

function readData(view: DataView, start: number, size: number, format: Format | undefined): ModalityInputs['audio'] {
  if (format === undefined)
    throw unreadable('The WAV file has no format before its data, so its samples cannot be read.');
  const there = view.byteLength - start;
  if (size > there)
    throw unreadable(
      `The WAV file says that it has ${size} bytes of samples, but only ${there} are there: it was cut short. Get it again from its source.`,
    );
  const { channels: count, width, sampleRate } = format;
  const samples = Math.floor(size / (width * count));
  if (samples === 0) throw unreadable('The WAV file has no samples.');
  const numbers = numbersOf(view, start, samples * count, format);
  const channels = Array.from({ length: count }, (_, c) => channelOf(numbers, c, { samples, count }));
  if (format.encoding === 'float') checkFinite(channels);
  return { channels, sampleRate };
}

/** What is stored, and what a sample is of each number. */
interface Numbers {
  readonly at: ArrayLike<number>;
  readonly scale: number;
}

/** Channel `c` of `count` that are interleaved. */
function channelOf(
  { at, scale }: Numbers,
  c: number,
  { samples, count }: { readonly samples: number; readonly count: number },
): Float32Array {
  const channel = new Float32Array(samples);
  for (let i = 0, place = c; i < samples; i++, place += count) channel[i] = (at[place] ?? 0) * scale;
  return channel;
}

/** The stored numbers as an array, which a loop reads several times as fast as a view. */
function numbersOf(view: DataView, start: number, length: number, { encoding, width }: Format): Numbers {
  // Arrays begin at a multiple of their width, as a copy does. They are little-endian, as WAV is, on everything that runs Node.
  const there = new Uint8Array(view.buffer, view.byteOffset + start, length * width);
  const bytes = there.byteOffset % width === 0 ? there : there.slice();
  const { buffer, byteOffset } = bytes;
  switch (encoding) {
    case 'float':
      return {
        at: width === 4 ? new Float32Array(buffer, byteOffset, length) : new Float64Array(buffer, byteOffset, length),
        scale: 1,
      };
    case 'a-law':
      return { at: Int16Array.from(bytes, (code) => A_LAW[code] ?? 0), scale: 2 ** -15 };
    case 'mu-law':
      return { at: Int16Array.from(bytes, (code) => MU_LAW[code] ?? 0), scale: 2 ** -15 };
    case 'pcm':
      if (width === 1) return { at: Int8Array.from(bytes, (byte) => byte - 128), scale: 2 ** -7 };
      if (width === 2) return { at: new Int16Array(buffer, byteOffset, length), scale: 2 ** -15 };
      if (width === 4) return { at: new Int32Array(buffer, byteOffset, length), scale: 2 ** -31 };
      return { at: wholesOf3(bytes), scale: 2 ** -23 };
  }
}

function wholesOf3(bytes: Uint8Array): Int32Array {
  const wholes = new Int32Array(bytes.length / 3);
  for (let i = 0, at = 0; i < wholes.length; i++, at += 3)
    wholes[i] = (((bytes[at] ?? 0) << 8) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 24)) >> 8;
  return wholes;
}

/** A-law's sixteen-bit values (ITU-T G.711): every other bit is inverted; sign, three bits of exponent, four of mantissa. */
const A_LAW = Int16Array.from({ length: 256 }, (_, code) => {
  const bits = code ^ 0x55;
  const exponent = (bits & 0x70) >> 4;
  const mantissa = ((bits & 0x0f) << 4) + 8;
  const value = exponent === 0 ? mantissa : (mantissa + 0x100) << (exponent - 1);
  return (bits & 0x80) === 0 ? -value : value;
});

/** µ-law's (ITU-T G.711): all bits are inverted, and the segments have a bias of 132. */
const MU_LAW = Int16Array.from({ length: 256 }, (_, code) => {
  const bits = ~code & 0xff;
  const value = ((((bits & 0x0f) << 3) + 132) << ((bits & 0x70) >> 4)) - 132;
  return (bits & 0x80) === 0 ? value : -value;
});
