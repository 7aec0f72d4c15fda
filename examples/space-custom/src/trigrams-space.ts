import {
  type Embeddings,
  FreebindError,
  hash32,
  matrix,
  type Modality,
  type ModalityInputs,
  normaliseRows,
  type Space,
  type SpaceManifest,
} from '@freebind/core';

/** Texts as unit vectors of hashed letter trigrams, so that words that look alike are near: replace it by your encoder. */
export class TrigramsSpace implements Space {
  readonly manifest: SpaceManifest = {
    id: 'trigrams', // names tables, stands in recipes and is written into bonds: never change it
    dimension: 256,
    modalities: ['text'],
    source: { paper: 'none', checkpoint: 'none: nothing is learned', license: 'unknown' },
  };
  #closed = false;

  async embed<M extends Modality>(
    modality: M,
    inputs: readonly ModalityInputs[M][],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Embeddings> {
    const { id, dimension } = this.manifest;
    if (this.#closed) throw new FreebindError('FREEBIND_CLOSED', `The space "${id}" was closed; make another.`);
    if (options.signal?.aborted) throw new FreebindError('FREEBIND_ABORTED', 'Embedding was stopped.');
    if (modality !== 'text')
      throw new FreebindError('FREEBIND_CAPABILITY_MISSING', `"${id}" embeds text, not ${modality}.`);
    const rows = matrix(inputs.length, dimension);
    inputs.forEach((input, r) => {
      const text = ` ${input as string} `; // what text is made of, by ModalityInputs
      for (let i = 0; i + 3 <= text.length || i === 0; i++) {
        const at = r * dimension + (hash32(text.slice(i, i + 3)) % dimension);
        rows.data[at] = (rows.data[at] ?? 0) + 1;
      }
    });
    return { ...normaliseRows(rows), space: id, unit: true };
  }

  async close(): Promise<void> {
    this.#closed = true;
  }
}
