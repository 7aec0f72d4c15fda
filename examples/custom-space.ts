// A space of your own, as a plugin: texts as unit vectors of hashed letter trigrams, so that words that look alike are near.
// Run it with `npm run build && npx jiti examples/custom-space.ts`.
import type { Embeddings, Modality, ModalityInputs, Space, SpaceManifest } from '@freebind/core';
import { definePlugin, freebind, FreebindError, hash32, matrix, normaliseRows, sliceRows, SPACE } from '@freebind/core';

export class TrigramSpace implements Space {
  readonly manifest: SpaceManifest = {
    id: 'trigrams',
    dimension: 256,
    modalities: ['text'],
    source: { paper: 'none', checkpoint: 'none: nothing is learned', license: 'Apache-2.0' },
  };
  #closed = false;

  async embed<M extends Modality>(
    modality: M,
    inputs: readonly ModalityInputs[M][],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Embeddings> {
    if (this.#closed) throw new FreebindError('FREEBIND_CLOSED', 'The space "trigrams" was closed; make another.');
    if (options.signal?.aborted) throw new FreebindError('FREEBIND_ABORTED', 'Embedding was stopped before it began.');
    if (modality !== 'text')
      throw new FreebindError('FREEBIND_CAPABILITY_MISSING', `"trigrams" embeds text, not ${modality}.`);
    const { id: space, dimension } = this.manifest;
    const rows = matrix(inputs.length, dimension);
    inputs.forEach((input, r) => {
      const text = ` ${input as string} `; // what text is made of, by ModalityInputs
      for (let i = 0; i + 3 <= text.length || i === 0; i++) {
        const at = r * dimension + (hash32(text.slice(i, i + 3)) % dimension);
        rows.data[at] = (rows.data[at] ?? 0) + 1;
      }
    });
    return { ...normaliseRows(rows), space, unit: true };
  }

  async close(): Promise<void> {
    this.#closed = true;
  }
}

export const trigrams = definePlugin(
  { apiVersion: 1, package: 'freebind-trigrams', spaces: ['trigrams'] },
  ({ bind }) => {
    const space = bind(SPACE).toResolvedValue(() => new TrigramSpace(), []);
    space.inSingletonScope().whenNamed('trigrams');
  },
);

const fb = await freebind({ plugins: [trigrams()] });
const space = await fb.space('trigrams');
const rows = await space.embed('text', ['acoustic', 'acoustics', 'bicycle']);
/** Cosines of the first word with each. */
export const cosines = [0, 1, 2].map((r) =>
  Array.from(sliceRows(rows, r, r + 1).data).reduce((sum, x, c) => sum + x * (rows.data[c] ?? 0), 0),
);
console.log(cosines.map((cosine) => cosine.toFixed(2)).join(' ')); // 1.00 0.82 0.00
await fb.close();
