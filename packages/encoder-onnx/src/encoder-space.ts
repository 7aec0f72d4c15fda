import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import {
  type EachEmbedding,
  type Embeddings,
  FreebindError,
  isFreebindError,
  matrix,
  type Modality,
  type ModalityInputs,
  normaliseRows,
  type Space,
  type SpaceManifest,
} from '@freebind/core';
import { fingerprint } from '@freebind/core/files';
import { buffersIn, type CallOptions } from '@freebind/threads';
import { checkInput } from './check-input.ts';
import type { Feed } from './contract.ts';
import type { OnnxEncoder } from './onnx-encoder.ts';
import { repeatRows } from './repeat-rows.js';
import { likeOf, rowsOf } from './row-windows.ts';

/** How one modality of a space is embedded. */
export interface ModalityEncoder<Input> {
  readonly encoder: OnnxEncoder;
  /**
   * What the graph takes for one input, the first dimension being rows. An input may give several rows, and as many in every
   * tensor; its embedding is then the normalised mean over them, each divided by its own length first, as ImageBind's postprocessor
   * does before it takes the mean over clips. Throws for an input that cannot be embedded. `call` is for threads that it calls.
   */
  readonly prepare: (input: Input, call: CallOptions) => Feeds | Promise<Feeds>;
  /** Files besides the graph that decide what is prepared, such as a vocabulary, for `fingerprint`. */
  readonly files?: () => Promise<readonly string[]>;
  /** Opens what `prepare` reads of them, before any input is prepared: that they are damaged is no input's fault. */
  readonly open?: () => Promise<unknown>;
  /** Options that decide it, for `fingerprint`. */
  readonly options?: Readonly<Record<string, string | number>>;
}

/** Tensors by the names of a graph's inputs. */
export type Feeds = Readonly<Record<string, Feed>>;

/** The encoders of a space, by modality. */
export type ModalityEncoders = { readonly [M in Modality]?: ModalityEncoder<ModalityInputs[M]> };

/** How a space of encoders works. */
export interface EncoderSpaceOptions {
  /** Most inputs of one run. Default 16. */
  readonly batch?: number | undefined;
  /** Threads that prepare; each has two inputs at a time, one of which may wait for a decoder. Default: one a core. */
  readonly workers?: number | undefined;
  /** The threads that `prepare` uses; they are dropped and closed with the space. */
  readonly threads?: { drop(): Promise<void>; close(): Promise<void> };
}

const BATCH = 16;
/** Inputs that are prepared at a time, for each worker. */
const INPUTS_A_WORKER = 2;

/**
 * A space whose modalities are ONNX graphs. Each is loaded on first use and alone: embedding text never loads the image encoder.
 * Inputs are prepared a few at a time (decoding, spectrograms, tokens) while the batch before them is in its graph, and no
 * further ahead, so memory stays that of two batches.
 */
export class EncoderSpace implements Space {
  readonly manifest: SpaceManifest;
  readonly #encoders: ModalityEncoders;
  readonly #options: EncoderSpaceOptions;
  #closed = false;

  constructor(manifest: SpaceManifest, encoders: ModalityEncoders, options: EncoderSpaceOptions = {}) {
    this.manifest = manifest;
    this.#encoders = encoders;
    this.#options = options;
  }

  /** As `Space.embed`. @throws what an input is refused for, naming its place; what its graph throws */
  async embed<M extends Modality>(
    modality: M,
    inputs: readonly ModalityInputs[M][],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Embeddings> {
    const rows = matrix(inputs.length, this.manifest.dimension);
    let i = 0;
    for await (const { row, error } of this.embedStream(modality, inputs, options)) {
      if (error !== undefined)
        throw new FreebindError(error.code, `Input ${i} of ${modality}: ${error.message}`, { cause: error });
      rows.data.set(row, i++ * rows.cols);
    }
    return { ...rows, space: this.manifest.id, unit: true };
  }

  /**
   * Embeds what can be embedded: one answer an input, in order; a bad input does not stop the others. With `moved`, arrays of the
   * inputs move to the threads that prepare them, and are empty afterwards.
   *
   * @throws FREEBIND_CAPABILITY_MISSING FREEBIND_CLOSED FREEBIND_ABORTED, and what its graph and its files throw
   */
  async embedEach<M extends Modality>(
    modality: M,
    inputs: readonly ModalityInputs[M][],
    options: { readonly signal?: AbortSignal; readonly moved?: boolean } = {},
  ): Promise<readonly EachEmbedding[]> {
    const all: EachEmbedding[] = [];
    for await (const one of this.embedStream(modality, inputs, options)) all.push(one);
    return all;
  }

  /**
   * Fingerprints of a modality's graph, its external data and its other files by their names, and what else decides its rows: the
   * device and the size of batches, on which a graph's last bits may depend.
   *
   * @throws FREEBIND_CAPABILITY_MISSING FREEBIND_FILE_MISSING
   */
  async fingerprint(modality: Modality): Promise<Readonly<Record<string, string>>> {
    const { encoder, files, options } = this.#encoderOf(modality);
    const { batch = BATCH } = this.#options;
    const prints: Record<string, string> = { device: encoder.device, batch: String(batch) };
    for (const [name, option] of Object.entries(options ?? {})) prints[name] = String(option);
    for (const path of [...(await encoder.files()), ...((await files?.()) ?? [])])
      prints[basename(path)] = await fingerprint(path);
    return prints;
  }

  /** As `embedEach`, for any number of inputs: one batch is in its graph while the next is taken from `inputs` and prepared, and no more is taken. */
  async *embedStream<M extends Modality>(
    modality: M,
    inputs: Iterable<ModalityInputs[M]> | AsyncIterable<ModalityInputs[M]>,
    { signal, moved = false }: { readonly signal?: AbortSignal; readonly moved?: boolean } = {},
  ): AsyncGenerator<EachEmbedding, void, undefined> {
    const { encoder, prepare, open } = this.#encoderOf(modality);
    this.#check(signal);
    await open?.();
    const { batch = BATCH, workers = availableParallelism() } = this.#options;
    const batches = inBatches(inputs, batch);
    const prepared = async (): Promise<readonly Prepared[] | undefined> => {
      const { value, done } = await batches.next();
      return done === true
        ? undefined
        : prepareAll(value, { modality, prepare, atATime: INPUTS_A_WORKER * workers, signal, moved });
    };
    try {
      let next = prepared();
      for (let ready = await next; ready !== undefined; ready = await next) {
        this.#check(signal);
        next = prepared();
        // Whoever stops listening, or the graph's failing, leaves it to nobody.
        next.catch(() => undefined);
        yield* await this.#encode(encoder, ready, signal);
        this.#check(signal);
      }
    } finally {
      void batches.return(undefined).catch(() => undefined);
    }
  }

  /** Gives the memory of a modality's graph back, or of all and of the threads; the next `embed` loads it again. */
  async drop(modality?: Modality): Promise<void> {
    const dropped = Object.entries(this.#encoders).filter(([name]) => modality === undefined || name === modality);
    await Promise.all(dropped.map(([, { encoder }]) => encoder.drop()));
    if (modality === undefined) await this.#options.threads?.drop();
  }

  /** The modalities whose graphs are in memory. */
  get loaded(): readonly string[] {
    return Object.entries(this.#encoders).flatMap(([name, { encoder }]) => (encoder.loaded ? [name] : []));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(Object.values(this.#encoders).map(({ encoder }) => encoder.close()));
    await this.#options.threads?.close();
  }

  async #encode(
    encoder: OnnxEncoder,
    prepared: readonly Prepared[],
    signal: AbortSignal | undefined,
  ): Promise<readonly EachEmbedding[]> {
    const good = prepared.flatMap((one) => ('feeds' in one ? [one.feeds] : []));
    const { dimension } = this.manifest;
    const out =
      good.length === 0 ? new Float32Array(0) : (await encoder.run(stack(good, encoder), { signal, moved: true })).data;
    let at = 0;
    return prepared.map((one): EachEmbedding => {
      if ('error' in one) return one;
      const rows = rowsOf(one.feeds);
      const mean =
        rows === 1 ? out.slice(at, at + dimension) : meanDirection(out.subarray(at, at + rows * dimension), rows);
      at += rows * dimension;
      const row = normaliseRows({ rows: 1, cols: dimension, data: mean }).data;
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

/** The mean of several rows `[rows, n]`, each divided by its length; summed in float64. A row of zeros has no direction and adds nothing. */
function meanDirection(data: Float32Array, rows: number): Float32Array {
  const cols = data.length / rows;
  const mean = new Float64Array(cols);
  for (let r = 0; r < rows; r++) {
    const row = data.subarray(r * cols, (r + 1) * cols);
    const length = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
    if (length === 0) continue;
    for (let c = 0; c < cols; c++) mean[c] = (mean[c] ?? 0) + (row[c] ?? Number.NaN) / length / rows;
  }
  return Float32Array.from(mean);
}

type Prepared = { readonly feeds: Feeds } | { readonly error: FreebindError };

/** Inputs in lists of `size`, the last one shorter. */
async function* inBatches<Input>(
  inputs: Iterable<Input> | AsyncIterable<Input>,
  size: number,
): AsyncGenerator<readonly Input[], undefined, undefined> {
  let batch: Input[] = [];
  for await (const input of inputs) {
    batch.push(input);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** Prepares inputs, some at a time; the error of an input stays with it. */
async function prepareAll<Input>(
  inputs: readonly Input[],
  how: {
    readonly modality: string;
    readonly prepare: ModalityEncoder<Input>['prepare'];
    readonly atATime: number;
    readonly signal: AbortSignal | undefined;
    readonly moved: boolean;
  },
): Promise<readonly Prepared[]> {
  const { modality, prepare, atATime, signal, moved } = how;
  const prepared: Prepared[] = Array.from({ length: inputs.length });
  const work = inputs.entries();
  const take = async (): Promise<void> => {
    for (const [i, input] of work) {
      try {
        checkInput(modality, input);
        prepared[i] = { feeds: await prepare(input, { signal, transfer: moved ? buffersIn(input) : [] }) };
      } catch (error) {
        if (isFreebindError(error, 'FREEBIND_ABORTED') || isFreebindError(error, 'FREEBIND_CLOSED')) throw error;
        prepared[i] = { error: isFreebindError(error) ? error : refused(error) };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atATime, inputs.length) }, take));
  return prepared;
}

function refused(cause: unknown): FreebindError {
  return new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `The input could not be prepared: ${cause instanceof Error ? cause.message : String(cause)}. Check that it is what its modality is made of.`,
    { cause },
  );
}

/** Tensors of several inputs one below the other. */
function stack(all: readonly Feeds[], encoder: OnnxEncoder): Feeds {
  const names = Object.keys(encoder.contract.inputs);
  return Object.fromEntries(
    names.map((name) => {
      const given = all.flatMap((feeds) => feeds[name] ?? []);
      // Some are there once and some in full where short sounds meet long ones.
      const parts = given.every(({ times }) => times === given[0]?.times) ? given : given.map(inFull);
      const [first] = parts;
      if (first === undefined || parts.length !== all.length) throw new Error(`No tensor was prepared for "${name}".`);
      const rows = parts.reduce((sum, { dims }) => sum + (dims[0] ?? 0), 0);
      const length = parts.reduce((sum, { data }) => sum + data.length, 0);
      const data = likeOf(first.data, length);
      let at = 0;
      for (const part of parts) {
        // All parts have the type of the first, and its levels.
        (data as Float32Array).set(part.data as Float32Array, at);
        at += part.data.length;
      }
      return [name, { ...first, dims: [rows, ...first.dims.slice(1)], data }];
    }),
  );
}

/** A tensor whose numbers are all in `data`. */
function inFull({ times = 1, ...feed }: Feed): Feed {
  if (times === 1) return feed;
  const data = new Float32Array(times * feed.data.length);
  // What is repeated are float32 numbers.
  repeatRows(feed.data as Float32Array, feed.dims[0] ?? 0, times, data);
  return { ...feed, data };
}

function closed(id: string): FreebindError {
  return new FreebindError('FREEBIND_CLOSED', `The space "${id}" was closed; make another to go on.`);
}
