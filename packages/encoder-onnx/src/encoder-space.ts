import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import {
  type EachEmbedding,
  type Embeddings,
  FreebindError,
  type FreebindErrorCode,
  isFreebindError,
  matrix,
  type Modality,
  type ModalityInputs,
  normaliseRows,
  type Space,
  type SpaceManifest,
} from '@freebind/core';
import { fingerprint } from '@freebind/core/files';
import type { Feed } from './contract.ts';
import type { OnnxEncoder } from './onnx-encoder.ts';

/** How one modality of a space is embedded. */
export interface ModalityEncoder<Input> {
  readonly encoder: OnnxEncoder;
  /**
   * What the graph takes for one input, the first dimension being rows. An input may give several rows, and as many in every
   * tensor; its embedding is then the normalised mean over them. Throws for an input that cannot be embedded.
   */
  readonly prepare: (input: Input, signal: AbortSignal | undefined) => Feeds | Promise<Feeds>;
  /** Most inputs of one run. Default 16. */
  readonly batch?: number;
  /** Files besides the graph that decide what is prepared, such as a vocabulary, for `fingerprint`. */
  readonly files?: () => Promise<readonly string[]>;
  /** Options that decide it, for `fingerprint`. */
  readonly options?: Readonly<Record<string, string | number>>;
}

export type Feeds = Readonly<Record<string, Feed>>;

/** The encoders of a space, by modality. */
export type ModalityEncoders = { readonly [M in Modality]?: ModalityEncoder<ModalityInputs[M]> };

/** Inputs of one run where an encoder does not say. */
const BATCH = 16;

/**
 * A space whose modalities are ONNX graphs. Each is loaded on first use and alone: embedding text never loads the image encoder.
 * Inputs are prepared a few at a time (decoding, spectrograms, tokens) while the batch before them is in its graph, and no
 * further ahead, so memory stays that of two batches.
 */
export class EncoderSpace implements Space {
  readonly manifest: SpaceManifest;
  readonly #encoders: ModalityEncoders;
  #closed = false;

  constructor(manifest: SpaceManifest, encoders: ModalityEncoders) {
    this.manifest = manifest;
    this.#encoders = encoders;
  }

  /** As `Space.embed`. @throws what an input is refused for, naming its place; what its graph throws */
  async embed<M extends Modality>(
    modality: M,
    inputs: readonly ModalityInputs[M][],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Embeddings> {
    const rows = matrix(inputs.length, this.manifest.dimension);
    let i = 0;
    for await (const { row, error } of this.#each(modality, inputs, options.signal)) {
      if (error !== undefined)
        throw new FreebindError(error.code, `Input ${i} of ${modality}: ${error.message}`, { cause: error });
      rows.data.set(row, i++ * rows.cols);
    }
    return { ...rows, space: this.manifest.id, unit: true };
  }

  /** Embeds what can be embedded: one answer an input, in order; a bad input does not stop the others. @throws FREEBIND_CAPABILITY_MISSING FREEBIND_CLOSED FREEBIND_ABORTED, and what its graph throws */
  async embedEach<M extends Modality>(
    modality: M,
    inputs: readonly ModalityInputs[M][],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly EachEmbedding[]> {
    const all: EachEmbedding[] = [];
    for await (const one of this.#each(modality, inputs, options.signal)) all.push(one);
    return all;
  }

  /**
   * Fingerprints of a modality's graph, its external data and its other files by their names, and what else decides its rows: the
   * device and the size of batches, on which a graph's last bits may depend.
   *
   * @throws FREEBIND_CAPABILITY_MISSING FREEBIND_FILE_MISSING
   */
  async fingerprint(modality: Modality): Promise<Readonly<Record<string, string>>> {
    const { encoder, batch = BATCH, files, options } = this.#encoderOf(modality);
    const prints: Record<string, string> = { device: encoder.device, batch: String(batch) };
    for (const [name, option] of Object.entries(options ?? {})) prints[name] = String(option);
    for (const path of [...(await encoder.files()), ...((await files?.()) ?? [])])
      prints[basename(path)] = await fingerprint(path);
    return prints;
  }

  /** Gives the memory of a modality's graph back, or of all; the next `embed` loads it again. */
  async drop(modality?: Modality): Promise<void> {
    const dropped = Object.entries(this.#encoders).filter(([name]) => modality === undefined || name === modality);
    await Promise.all(dropped.map(([, { encoder }]) => encoder.drop()));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(Object.values(this.#encoders).map(({ encoder }) => encoder.close()));
  }

  async *#each<M extends Modality>(
    modality: M,
    inputs: readonly ModalityInputs[M][],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<EachEmbedding, void, undefined> {
    const how = this.#encoderOf(modality);
    this.#check(signal);
    const batches: (readonly ModalityInputs[M][])[] = [];
    const size = how.batch ?? BATCH;
    for (let start = 0; start < inputs.length; start += size) batches.push(inputs.slice(start, start + size));
    const prepare = (batch: readonly ModalityInputs[M][] | undefined) =>
      batch === undefined ? undefined : prepareAll(how, batch, signal);
    let next = prepare(batches[0]);
    for (let b = 0; next !== undefined; b++) {
      const prepared = await next;
      this.#check(signal);
      next = prepare(batches[b + 1]);
      // Whoever stops listening, or the graph's failing, leaves it to nobody.
      next?.catch(() => undefined);
      yield* await this.#encode(how.encoder, prepared);
      this.#check(signal);
    }
  }

  async #encode(encoder: OnnxEncoder, prepared: readonly Prepared[]): Promise<readonly EachEmbedding[]> {
    const good = prepared.flatMap((one) => ('feeds' in one ? [one.feeds] : []));
    const { dimension } = this.manifest;
    const out = good.length === 0 ? new Float32Array(0) : (await encoder.run(stack(good, encoder))).data;
    let at = 0;
    return prepared.map((one): EachEmbedding => {
      if ('error' in one) return one;
      const rows = rowsOf(one.feeds);
      const mean = new Float64Array(dimension);
      for (let r = 0; r < rows; r++, at += dimension)
        for (let c = 0; c < dimension; c++) mean[c] = (mean[c] ?? 0) + (out[at + c] ?? Number.NaN) / rows;
      const row = normaliseRows({ rows: 1, cols: dimension, data: Float32Array.from(mean) }).data;
      if (row.every(Number.isFinite) && mean.some((x) => x !== 0)) return { row: Float32Array.from(row) };
      return {
        error: new FreebindError(
          'FREEBIND_NUMBER_INVALID',
          `The encoder of "${this.manifest.id}" gave ${mean.some(Number.isNaN) ? 'NaN' : 'no finite direction'} for this input. If it does so for others too, its file is damaged (\`freebind models verify\`).`,
        ),
      };
    });
  }

  #encoderOf<M extends Modality>(modality: M): ModalityEncoder<ModalityInputs[M]> {
    if (this.#closed) throw closed(this.manifest.id);
    // Each entry is of its own key's inputs, which an index by M cannot say.
    const how: ModalityEncoder<ModalityInputs[M]> | undefined = Object.hasOwn(this.#encoders, modality)
      ? this.#encoders[modality]
      : undefined;
    if (how !== undefined) return how;
    throw new FreebindError(
      'FREEBIND_CAPABILITY_MISSING',
      `"${this.manifest.id}" embeds ${this.manifest.modalities.join(', ')}, not ${modality}. Choose another space or modality.`,
    );
  }

  #check(signal: AbortSignal | undefined): void {
    if (signal?.aborted === true)
      throw new FreebindError('FREEBIND_ABORTED', 'Embedding was stopped.', { cause: signal.reason });
    if (this.#closed) throw closed(this.manifest.id);
  }
}

type Prepared = { readonly feeds: Feeds } | { readonly error: FreebindError };

/** Prepares inputs, some at a time; the error of an input stays with it. */
async function prepareAll<Input>(
  { prepare }: ModalityEncoder<Input>,
  inputs: readonly Input[],
  signal: AbortSignal | undefined,
): Promise<readonly Prepared[]> {
  const prepared: Prepared[] = Array.from({ length: inputs.length });
  const work = inputs.entries();
  const take = async (): Promise<void> => {
    for (const [i, input] of work) {
      try {
        prepared[i] = { feeds: await prepare(input, signal) };
      } catch (error) {
        if (isFreebindError(error, 'FREEBIND_ABORTED')) throw error;
        prepared[i] = { error: isFreebindError(error) ? error : refused(error) };
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, take));
  return prepared;
}

function refused(cause: unknown): FreebindError {
  const code: FreebindErrorCode = 'FREEBIND_ARGUMENT_INVALID';
  return new FreebindError(
    code,
    `The input could not be prepared: ${cause instanceof Error ? cause.message : String(cause)}. Check that it is what its modality is made of.`,
    { cause },
  );
}

function rowsOf(feeds: Feeds): number {
  return Object.values(feeds)[0]?.dims[0] ?? 0;
}

/** Tensors of several inputs one below the other. */
function stack(all: readonly Feeds[], encoder: OnnxEncoder): Feeds {
  const names = Object.keys(encoder.contract.inputs);
  return Object.fromEntries(
    names.map((name) => {
      const parts = all.flatMap((feeds) => feeds[name] ?? []);
      const [first] = parts;
      if (first === undefined || parts.length !== all.length) throw new Error(`No tensor was prepared for "${name}".`);
      const rows = parts.reduce((sum, { dims }) => sum + (dims[0] ?? 0), 0);
      const length = parts.reduce((sum, { data }) => sum + data.length, 0);
      const data =
        first.data instanceof Float32Array
          ? new Float32Array(length)
          : first.data instanceof BigInt64Array
            ? new BigInt64Array(length)
            : new Uint8Array(length);
      let at = 0;
      for (const part of parts) {
        // All parts have the type of the first.
        (data as Float32Array).set(part.data as Float32Array, at);
        at += part.data.length;
      }
      return [name, { type: first.type, dims: [rows, ...first.dims.slice(1)], data }];
    }),
  );
}

function closed(id: string): FreebindError {
  return new FreebindError('FREEBIND_CLOSED', `The space "${id}" was closed; make another to go on.`);
}
