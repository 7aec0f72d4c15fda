import type { FreebindError } from '@freebind/core';

/** One input on its way to a row. `id` is what stands for it in `MODALITY.ids.txt`, one line. */
export type Item =
  /** A file or an http(s) address. */
  | { readonly id: string; readonly path: string; readonly text?: never; readonly error?: never }
  | { readonly id: string; readonly text: string; readonly path?: never; readonly error?: never }
  /** What the list itself says too little of to be read, and why. */
  | { readonly id: string; readonly error: FreebindError; readonly path?: never; readonly text?: never };

/**
 * Inputs that can be walked more than once, in the same order each time, without all of them being in memory. A long run walks
 * them once to count them and to know them again, and once to embed them.
 */
export type Items = () => AsyncIterable<Item>;
