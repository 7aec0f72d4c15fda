import { id3Length, says } from './sniff.ts';

/** What the frames of an MP3 file say. */
export interface Mp3Head {
  readonly sampleRate: number;
  /** Samples of one channel that the frames up to the first place without one give at least. */
  readonly samples: number;
  /** Whether frames are missing that the first one, of Xing, LAME or VBRI, counts. */
  readonly cut: boolean;
}

/** A frame's header (ISO/IEC 11172-3, 2.4.2.3, and 13818-3): layer III with a bit rate. */
interface Frame {
  readonly sampleRate: number;
  readonly samples: number;
  readonly bytes: number;
  /** Bytes between the header and what Xing writes: those of the side information, which it leaves empty. */
  readonly side: number;
}

/** kbit/s by index, of MPEG-1 and of MPEG-2 and 2.5. */
const KBITS_1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const KBITS_2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
/** Hz of MPEG-1; MPEG-2 has half of it, 2.5 a quarter. */
const RATES = [44_100, 48_000, 32_000];

/** Frames that decoders leave out at most: the one that tells, and what an encoder has put in front of the sound and behind it. */
const PADDING = 5;

/** Goes from frame to frame without decoding any. Undefined where there is none. */
export function readMp3Head(bytes: Uint8Array): Mp3Head | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = firstFrame(view, id3Length(bytes));
  const first = frameAt(view, start);
  if (first === undefined) return undefined;
  let frames = 0;
  for (let at = start; ; frames++) {
    const frame = frameAt(view, at);
    if (frame?.sampleRate !== first.sampleRate || at + frame.bytes > bytes.length) break;
    at += frame.bytes;
  }
  const told = toldBy(bytes.subarray(start), first);
  return {
    sampleRate: first.sampleRate,
    samples: (frames - PADDING) * first.samples,
    // Both: some encoders count the frame that tells, and some files have lost a tag behind the last one since.
    cut: told !== undefined && frames <= told.frames && bytes.length - start < told.bytes,
  };
}

/** The place of the first frame that another follows, or that is the last; the end where there is none. */
function firstFrame(view: DataView, from: number): number {
  for (let at = from; at < view.byteLength; at++) {
    const frame = frameAt(view, at);
    if (frame === undefined) continue;
    const next = at + frame.bytes;
    if (next >= view.byteLength || frameAt(view, next) !== undefined) return at;
  }
  return view.byteLength;
}

function frameAt(view: DataView, at: number): Frame | undefined {
  if (at + 4 > view.byteLength) return undefined;
  const header = view.getUint32(at);
  const [version, layer, rate] = [(header >>> 19) & 3, (header >>> 17) & 3, RATES[(header >>> 10) & 3]];
  const isMpeg1 = version === 3;
  const kbits = (isMpeg1 ? KBITS_1 : KBITS_2)[(header >>> 12) & 15];
  // Of free format, index 0, no header says how long a frame is.
  if (header >>> 21 !== 0x7ff || version === 1 || layer !== 1 || rate === undefined || !kbits) return undefined;
  const sampleRate = isMpeg1 ? rate : version === 2 ? rate / 2 : rate / 4;
  const samples = isMpeg1 ? 1152 : 576;
  const bytes = Math.floor((samples * kbits * 125) / sampleRate) + ((header >>> 9) & 1);
  const isMono = ((header >>> 6) & 3) === 3;
  return { sampleRate, samples, bytes, side: isMpeg1 === isMono ? 17 : isMpeg1 ? 32 : 9 };
}

/** Frames after the first, and bytes with it, that the first says there are: Xing's tag, which LAME's goes on from, or Fraunhofer's VBRI. */
function toldBy(frame: Uint8Array, { side }: Frame): { readonly frames: number; readonly bytes: number } | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const [xing, vbri] = [4 + side, 36];
  const isXing = says(frame, xing, 'Xing') || says(frame, xing, 'Info');
  // Flags 1 and 2: both numbers are there.
  if (isXing && xing + 16 <= frame.length && (view.getUint32(xing + 4) & 3) === 3)
    return { frames: view.getUint32(xing + 8), bytes: view.getUint32(xing + 12) };
  if (says(frame, vbri, 'VBRI') && vbri + 18 <= frame.length)
    return { frames: view.getUint32(vbri + 14), bytes: view.getUint32(vbri + 10) };
  return undefined;
}
