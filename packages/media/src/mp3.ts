import { piecesOf, using } from './decoders.ts';
import { unreadable } from './limits.ts';
import { readMp3Head } from './mp3-head.ts';
import type { SoundSoFar } from './sound-so-far.ts';

/** Bytes that are decoded at a time, as many as the decoder takes in itself. Frames of 24 bytes hold 4.6 kB, so 13 MB may come out of these. */
const PIECE = 2 ** 16;

/** Decodes MP3 into `sound`. @throws FREEBIND_FILE_INVALID for fewer frames than it says, what `sound` refuses, and the decoder's errors */
export async function decodeMp3(bytes: Uint8Array, sound: SoundSoFar): Promise<void> {
  const head = readMp3Head(bytes);
  // The decoder makes two channels of one.
  if (head !== undefined) sound.expect({ ...head, channels: 2 });
  if (head?.cut === true)
    throw unreadable(
      'The mp3 ends before the last frame that it says: it was cut short. Get it again from its source.',
    );
  const { MPEGDecoder } = await import('mpg123-decoder');
  await using(new MPEGDecoder(), async (decoder) => {
    for (const piece of piecesOf(bytes, PIECE)) sound.add(decoder.decode(piece));
  });
}
