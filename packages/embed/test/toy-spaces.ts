import {
  type EachEmbedding,
  type Embeddings,
  FreebindError,
  hash32,
  matrix,
  type Modality,
  type ModalityInputs,
  normaliseRows,
  random,
  type Space,
  type SpaceManifest,
} from '@freebind/core';

/** How a toy space behaves. */
export interface ToyOptions {
  readonly dimension?: number;
  /** Inputs that it refuses, by what they begin with. */
  readonly refuses?: string;
  /** Whether it has `embedEach`. */
  readonly each?: boolean;
  /** In place of a model's fingerprint. */
  readonly model?: string;
  /** Called with the number of inputs of each batch. */
  readonly onBatch?: (inputs: number) => void;
  readonly delayMs?: number;
}

/**
 * Embeds texts, and pictures by their bytes, as normal numbers drawn from their hash and from the size of the batch: as in a real
 * graph, who an input meets in a batch may show in its row, so tests that compare bytes see when batches are not the same ones.
 */
export class ToySpace implements Space {
  readonly manifest: SpaceManifest;
  readonly embedEach?: NonNullable<Space['embedEach']>;
  readonly fingerprint?: NonNullable<Space['fingerprint']>;
  readonly #options: ToyOptions;

  constructor(id: string, options: ToyOptions = {}) {
    this.#options = options;
    this.manifest = {
      id,
      dimension: options.dimension ?? 4,
      modalities: ['text', 'image'],
      source: { paper: 'none', checkpoint: 'none', license: 'none' },
    };
    if (options.each !== false) this.embedEach = (modality, inputs) => this.#embedEach(modality, inputs);
    const { model } = options;
    if (model !== undefined) this.fingerprint = async () => ({ model });
  }

  async embed<M extends Modality>(modality: M, inputs: readonly ModalityInputs[M][]): Promise<Embeddings> {
    const each = await this.#embedEach(modality, inputs);
    const { id: space, dimension } = this.manifest;
    const rows = matrix(inputs.length, dimension);
    each.forEach(({ row, error }, i) => {
      if (error !== undefined) throw error;
      rows.data.set(row, i * dimension);
    });
    return { ...rows, space, unit: true };
  }

  async close(): Promise<void> {
    // It holds nothing.
  }

  async #embedEach<M extends Modality>(
    modality: M,
    inputs: readonly ModalityInputs[M][],
  ): Promise<readonly EachEmbedding[]> {
    const { refuses, onBatch, delayMs = 0 } = this.#options;
    onBatch?.(inputs.length);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    return inputs.map((input): EachEmbedding => {
      // Texts are strings and pictures have bytes.
      const text =
        typeof input === 'string' ? input : new TextDecoder().decode((input as ModalityInputs['image']).bytes);
      if (refuses !== undefined && text.startsWith(refuses))
        return { error: new FreebindError('FREEBIND_FILE_INVALID', `${this.manifest.id} refuses "${text}".`) };
      const draw = random(hash32(text), this.manifest.id, inputs.length);
      const row = Float32Array.from({ length: this.manifest.dimension }, () => draw.normal());
      return { row: normaliseRows({ rows: 1, cols: row.length, data: row }).data };
    });
  }
}
