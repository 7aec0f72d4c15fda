import { unreadable } from './limits.ts';
import { says } from './sniff.ts';

/** Place of a page's flags, and those of the first page of a stream and of the last. */
export const FLAGS = 5;
const BEGIN = 2;
export const END = 4;

/** A page of an Ogg file. */
export interface OggPage {
  readonly bytes: Uint8Array;
  /** Place of what it holds. */
  readonly body: number;
  readonly serial: number;
  /** Samples of its stream up to its end, from any number on; −1 where no packet ends. */
  readonly position: number;
  readonly isFirst: boolean;
  readonly isLast: boolean;
  /** Packets that end in it. */
  readonly packets: number;
  /** Whether its last packet goes on in another page. */
  readonly goesOn: boolean;
}

/** Most streams behind each other: a programme of half an hour has tens, and a decoder starts anew for each, in 5 to 20 ms. */
const MOST_LINKS = 100;

/** The pages of one stream, each whole, from the first; files may have several streams, one behind the other. */
export type OggLink = readonly OggPage[];

/**
 * The streams of an Ogg file (RFC 3533, 6). A page that is not all there, or a packet whose end is on none, is where a file was cut.
 * A last page that does not say it is the last is none: programs that are stopped while they record leave that, and FFmpeg, libsndfile and
 * opusfile read it. Streams beside the first are left out, and what comes behind the end of it and is no page.
 *
 * @throws FREEBIND_FILE_INVALID
 */
export function readOggLinks(bytes: Uint8Array): readonly OggLink[] {
  const links: OggLink[] = [];
  const link: OggPage[] = [];
  for (let at = 0; at < bytes.length;) {
    const page = readPage(bytes, at);
    const [begin] = link;
    if (page === undefined) {
      if (begin === undefined) break;
      throw unreadable(
        'The Ogg file goes on with what is no page: it is damaged or cut short. Get it again from its source.',
      );
    }
    at += page.bytes.length;
    // Streams beside each other begin before any of them goes on.
    const isNext = page.isFirst && link.length !== 1;
    if (isNext && link.length > 0) links.push(link.splice(0));
    if (isNext || page.serial === begin?.serial) link.push(page);
    if (page.isLast && link.at(-1) === page) links.push(link.splice(0));
  }
  if (link.at(-1)?.goesOn === true)
    throw unreadable('The Ogg file ends within a packet: it was cut short. Get it again from its source.');
  if (link.length > 0) links.push(link);
  if (links.length > MOST_LINKS)
    throw unreadable(
      `The Ogg file has ${links.length} streams behind each other, more than the ${MOST_LINKS} that are decoded. Cut it into pieces.`,
    );
  return links;
}

/** The page at a place, or undefined where there is none. @throws FREEBIND_FILE_INVALID for one that is not all there */
function readPage(bytes: Uint8Array, at: number): OggPage | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
  if (!says(bytes, at, 'OggS')) return undefined;
  const segments = view.byteLength < 27 ? 0 : view.getUint8(26);
  const body = 27 + segments;
  const lengths = bytes.subarray(at + 27, at + body);
  const size = body + lengths.reduce((sum, length) => sum + length, 0);
  if (size > view.byteLength)
    throw unreadable('The Ogg file ends within a page: it was cut short. Get it again from its source.');
  const flags = view.getUint8(FLAGS);
  return {
    bytes: bytes.subarray(at, at + size),
    body,
    serial: view.getUint32(14, true),
    position: Number(view.getBigInt64(6, true)),
    isFirst: (flags & BEGIN) !== 0,
    isLast: (flags & END) !== 0,
    packets: lengths.filter((length) => length < 255).length,
    goesOn: lengths.at(-1) === 255,
  };
}
