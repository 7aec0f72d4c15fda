import { availableParallelism } from 'node:os';
import { checkThreads, FreebindError } from '@freebind/core';
import { dimensionOf, findModelFile, localModels, type ModelManifest, variantOf } from '@freebind/models';
import type { EncoderOptions } from './encoder-placement.ts';
import { OnnxEncoder, type OnnxEncoderOptions } from './onnx-encoder.ts';

/** The files of one model, found and opened when they are needed. */
export interface EncoderModel {
  /** Columns of the embeddings. */
  readonly dimension: number;
  /** Where a file is. @throws FREEBIND_FILE_MISSING */
  readonly find: (path: string) => Promise<string>;
  /** The encoder of a graph that the manifest has. */
  readonly encoder: (path: string, rows?: OnnxEncoderOptions['rows']) => OnnxEncoder;
}

/**
 * The model `variant` of a space, as `official` or the folder of its files describes it, with the options that its user gave.
 *
 * @throws FREEBIND_ARGUMENT_INVALID for options out of range, FREEBIND_FILE_INVALID for a `models.json` that does not fit
 */
export function encoderModel(official: ModelManifest, variant: string, options: EncoderOptions): EncoderModel {
  checkCounts(options);
  const models = localModels(official, variant, { folder: options.models });
  const { graphs } = variantOf(models, variant);
  const dimension = options.dimension ?? dimensionOf(models, variant);
  const find = (path: string): Promise<string> =>
    findModelFile(models, variant, path, { folder: options.models, precision: options.precision });
  const encoder: EncoderModel['encoder'] = (path, rows) => {
    const contract = graphs[path];
    if (contract === undefined) throw new Error(`The model ${models.space}/${variant} has no graph ${path}.`);
    return new OnnxEncoder({
      ...options,
      path: () => find(path),
      contract: { ...contract, dimension },
      ...(rows && { rows }),
    });
  };
  return { dimension, find, encoder };
}

function checkCounts({ batch, workers, dimension }: EncoderOptions): void {
  if (workers !== undefined) checkThreads(workers, availableParallelism(), 'workers');
  for (const [name, count] of Object.entries({ batch, dimension }))
    if (count !== undefined && !(Number.isSafeInteger(count) && count >= 1))
      throw new FreebindError(
        'FREEBIND_ARGUMENT_INVALID',
        `${name} is ${count}, expected a whole number of at least 1.`,
      );
}
