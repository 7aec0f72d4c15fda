import { FreebindError } from '@freebind/core';

/**
 * Characters of a text that are tokenised. Encoders read the first few dozen tokens of them, and joining letters without a blank
 * between them takes the libraries 25 µs each (on a busy machine, where 100 KB took 2.6 s), in which nothing else is done.
 */
const MOST_CHARACTERS = 2 ** 17;

/** Refuses what is no text, or a book. @param reads how many tokens the encoder reads of it @throws FREEBIND_ARGUMENT_INVALID */
export function checkText(text: string, reads: number): void {
  if (typeof text === 'string' && text.length <= MOST_CHARACTERS) return;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `A text ${typeof text === 'string' ? `of ${text.length} characters` : `that is ${text === null ? 'null' : typeof text}`} was given; expected a string of at most ${MOST_CHARACTERS}. The first ${reads} tokens are read: cut the text.`,
  );
}

/** What `open` gives, opened when it is first asked for and kept; a failure is not kept. */
export function kept<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return async () => {
    opened ??= open();
    try {
      return await opened;
    } catch (error) {
      opened = undefined;
      throw error;
    }
  };
}
