import { using } from './decoders.ts';
import { END, FLAGS, type OggLink, type OggPage, readOggLinks } from './ogg-links.ts';
import type { SoundSoFar } from './sound-so-far.ts';

/** What the first packet of a stream says. */
interface Head {
  readonly channels: number;
  /** Hz. */
  readonly sampleRate: number;
  /** Samples in front that are not heard. */
  readonly skip: number;
}

/** Decodes Ogg Vorbis into `sound`. @throws FREEBIND_FILE_INVALID for an incomplete page, what `sound` refuses, and the decoder's errors */
export async function decodeVorbis(bytes: Uint8Array, sound: SoundSoFar): Promise<void> {
  const links = readOggLinks(bytes);
  expectAll(links, vorbisHead, sound);
  const { OggVorbisDecoder } = await import('@wasm-audio-decoders/ogg-vorbis');
  await using(new OggVorbisDecoder(), async (decoder) => {
    for (const link of links) {
      const start = startOf(link);
      if (start === undefined) continue;
      const piece = Buffer.concat(link.slice(0, start).map((page) => page.bytes));
      if (start === link.length) {
        sound.add(await decoder.decodeFile(piece));
        continue;
      }
      sound.add(await decoder.decode(piece));
      for (const page of link.slice(start)) sound.add(await decoder.decode(page.bytes));
      sound.add(await decoder.flush());
    }
  });
}

/** Packets of Vorbis's head (Vorbis I, 4.2). */
const HEAD_PACKETS = 3;

/**
 * Pages up to the first with sound and the one behind it, by which the decoder knows its end: of a piece without sound it would make tens of
 * thousands of empty channels, as many as a number says that it has not set yet. Undefined where there is no sound.
 */
function startOf(link: OggLink): number | undefined {
  let packets = 0;
  const sound = link.findIndex((page) => (packets += page.packets) > HEAD_PACKETS);
  return sound < 0 ? undefined : Math.min(sound + 2, link.length);
}

/**
 * Decodes Ogg Opus into `sound`, at 48 kHz. The last packet holds more than the sound, to fill it up, and its page says where the sound ends
 * (RFC 7845, 4.2 to 4.5). That is heeded here: the decoder would make as much sound as a page says.
 *
 * @throws FREEBIND_FILE_INVALID for an incomplete page, what `sound` refuses, and the decoder's errors
 */
export async function decodeOpus(bytes: Uint8Array, sound: SoundSoFar): Promise<void> {
  const links = readOggLinks(bytes);
  expectAll(links, opusHead, sound);
  const { OggOpusDecoder } = await import('ogg-opus-decoder');
  await using(new OggOpusDecoder(), async (decoder) => {
    for (const link of links) {
      const start = sound.samples;
      // It gives a promise, though its types say otherwise.
      for (const page of link)
        sound.add(await Promise.resolve(decoder.decode(page.isLast ? withoutEnd(page) : page.bytes)));
      const lastPage = sound.samples;
      sound.add(await decoder.flush());
      const [before, last] = [link.at(-2)?.position ?? 0, link.at(-1)];
      if (last?.isLast !== true || last.position <= 0) continue;
      sound.cutTo(before > 0 ? lastPage + last.position - before : start + last.position - opusHead(link).skip);
    }
  });
}

/** A page without the flag of the last. */
function withoutEnd({ bytes }: OggPage): Uint8Array {
  // A Buffer's own `slice` copies nothing.
  const page = Uint8Array.from(bytes);
  page[FLAGS] = (page[FLAGS] ?? 0) & ~END;
  return page;
}

/** Refuses a file by the positions of its pages with sound. The first may be any, so they count from there on. */
function expectAll(links: readonly OggLink[], headOf: (link: OggLink) => Head, sound: SoundSoFar): void {
  let samples = 0;
  for (const link of links) {
    const { channels, sampleRate, skip } = headOf(link);
    const positions = link.map(({ position }) => position).filter((position) => position > 0);
    samples += Math.max(0, (positions.at(-1) ?? 0) - (positions[0] ?? 0) - skip);
    sound.expect({ samples, channels, sampleRate });
  }
}

/** The identification header (Vorbis I, 4.2.2). */
function vorbisHead(link: OggLink): Head {
  const packet = firstPacket(link);
  return { channels: packet.readUInt8(11), sampleRate: packet.readUInt32LE(12), skip: 0 };
}

/** The identification header (RFC 7845, 5.1); its own rate is only what the sound had before. */
function opusHead(link: OggLink): Head {
  const packet = firstPacket(link);
  return { channels: packet.readUInt8(9), sampleRate: 48_000, skip: packet.readUInt16LE(10) };
}

function firstPacket([page]: OggLink): Buffer {
  return Buffer.from(page?.bytes.subarray(page.body) ?? []);
}
