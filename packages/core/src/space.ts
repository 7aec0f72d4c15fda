import type { FreebindError } from './errors.ts';
import type { Matrix } from './matrix.ts';

/** What each modality is made of, for spaces that embed media. A plugin adds a modality by declaration merging. */
export interface ModalityInputs {
  text: string;
  /** An encoded file: JPEG, PNG, WebP, …; the space decodes it. */
  image: { readonly bytes: Uint8Array };
  /** Samples in [−1, 1], one array a channel, all of one length; `sampleRate` in Hz. */
  audio: { readonly channels: readonly Float32Array[]; readonly sampleRate: number };
}

/** A modality that a program can embed. Tables, bonds and recipes take any name, so they use plain strings. */
export type Modality = keyof ModalityInputs;

export interface SpaceManifest {
  /** Stable id, e.g. `imagebind`; it names tables, stands in recipes and is written into bonds. */
  readonly id: string;
  /** Columns of every embedding this space produces. */
  readonly dimension: number;
  readonly modalities: readonly string[];
  /** Where the numbers come from; `license` is `unknown` where the files do not say. */
  readonly source: { readonly paper: string; readonly checkpoint: string; readonly license: string };
}

/** Rows that live in one space. Mixing spaces is an error, not a warning. */
export interface SpaceRows extends Matrix {
  readonly space: string;
}

/** `SpaceRows` of length one. The type remembers it, so nobody normalises twice or forgets to. */
export interface Embeddings extends SpaceRows {
  readonly unit: true;
}

/** What became of one input: its unit row, or why it has none. */
export type EachEmbedding =
  | { readonly row: Float32Array; readonly error?: never }
  | { readonly error: FreebindError; readonly row?: never };

/** A pretrained contrastive representation: several modalities, one shared metric. */
export interface Space {
  readonly manifest: SpaceManifest;

  /**
   * Embeds `inputs`, one L2-normalised row each, in the given order: [inputs.length, manifest.dimension].
   *
   * @throws FREEBIND_CAPABILITY_MISSING when `modality` is not in the manifest
   * @throws FREEBIND_CLOSED after `close`
   */
  embed<M extends Modality>(
    modality: M,
    inputs: readonly ModalityInputs[M][],
    options?: { readonly signal?: AbortSignal },
  ): Promise<Embeddings>;

  /**
   * As `embed`, but an input that cannot be embedded does not stop the others: one answer an input, in order. Optional; without
   * it, long runs embed the inputs of a batch that was refused one by one.
   *
   * With `moved` the inputs are the space's from here on: nobody reads them again, none is there twice, and their memory may move to the
   * space's threads. By default they stay the caller's, as they are, and threads get copies.
   */
  embedEach?<M extends Modality>(
    modality: M,
    inputs: readonly ModalityInputs[M][],
    options?: { readonly signal?: AbortSignal; readonly moved?: boolean },
  ): Promise<readonly EachEmbedding[]>;

  /**
   * What the rows of a modality depend on besides the inputs: fingerprints of files, options; as text, by name. Optional; a run
   * that is resumed compares it, so that rows of two models never end in one table.
   */
  fingerprint?(modality: Modality): Promise<Readonly<Record<string, string>>>;

  /** Frees what the space holds. Calling it twice is quiet. */
  close(): Promise<void>;
}
