import { FreebindError } from '@freebind/core';
import { findModelFile, type ModelManifest, variantOf } from '@freebind/models';
import type { EncoderOptions } from './encoder-placement.ts';
import { OnnxEncoder } from './onnx-encoder.ts';

/** The files of one model, found and opened when they are needed. */
export interface EncoderModel {
  /** Columns of the embeddings. */
  readonly dimension: number;
  /** Where a file is. @throws FREEBIND_FILE_MISSING */
  readonly find: (path: string) => Promise<string>;
  /** The encoder of a graph that the manifest has. */
  readonly encoder: (path: string) => OnnxEncoder;
}

/** The model `variant` of a space, with the options that its user gave. @throws FREEBIND_ARGUMENT_INVALID for options out of range */
export function encoderModel(models: ModelManifest, variant: string, options: EncoderOptions): EncoderModel {
  const { graphs } = variantOf(models, variant);
  checkCounts(options);
  const dimension = options.dimension ?? Object.values(graphs)[0]?.dimension ?? 0;
  const find = (path: string): Promise<string> =>
    findModelFile(models, variant, path, { folder: options.models, precision: options.precision });
  const encoder = (path: string): OnnxEncoder => {
    const contract = graphs[path];
    if (contract === undefined) throw new Error(`The model ${models.space}/${variant} has no graph ${path}.`);
    return new OnnxEncoder({ ...options, path: () => find(path), contract: { ...contract, dimension } });
  };
  return { dimension, find, encoder };
}

function checkCounts({ batch, workers, threads, dimension }: EncoderOptions): void {
  for (const [name, count] of Object.entries({ batch, workers, threads, dimension }))
    if (count !== undefined && !(Number.isSafeInteger(count) && count >= 1))
      throw new FreebindError(
        'FREEBIND_ARGUMENT_INVALID',
        `${name} is ${count}, expected a whole number of at least 1.`,
      );
}
