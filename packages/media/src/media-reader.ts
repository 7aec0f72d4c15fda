import type { ModalityInputs } from '@freebind/core';
import { buffersIn, builtModule, ThreadPool } from '@freebind/threads';
import type * as decoding from './decode-audio.ts';
import type { MediaLimits } from './limits.ts';
import { type MediaSource, readSource } from './read-source.ts';

/** How a reader works. */
export interface MediaReaderOptions {
  /** Threads that decode sounds. Default: one a core. */
  readonly workers?: number;
}

/**
 * Reads media for a program that goes on with something else: as `readImage` and `readAudio`, but sounds are decoded in threads.
 * Pictures are left encoded, since spaces decode them in threads of their own. Close it when done.
 */
export class MediaReader {
  readonly #threads: ThreadPool<typeof decoding>;

  constructor({ workers }: MediaReaderOptions = {}) {
    const module = builtModule('./decode-audio.js', import.meta.url);
    this.#threads = new ThreadPool({ module, size: workers, owner: 'the media reader' });
  }

  /** A picture's encoded bytes. @throws what `readSource` throws */
  async readImage(source: MediaSource, limits: MediaLimits = {}): Promise<ModalityInputs['image']> {
    return { bytes: await readSource(source, limits) };
  }

  /** A decoded sound. @throws what `readSource` and `decodeAudio` throw, and FREEBIND_CLOSED */
  async readAudio(source: MediaSource, limits: MediaLimits = {}): Promise<ModalityInputs['audio']> {
    const { signal, ...others } = limits;
    const bytes = await readSource(source, limits);
    // Bytes that were given stay with their owner; those that were read here move.
    const transfer = source instanceof Uint8Array ? [] : buffersIn(bytes);
    return this.#threads.call('decodeAudio', [bytes, others], { signal, transfer });
  }

  /** Ends the threads. Calling it twice is quiet. */
  async close(): Promise<void> {
    await this.#threads.close();
  }
}
