import {
  type EachEmbedding,
  findBadRow,
  FreebindError,
  isFreebindError,
  type Modality,
  type ModalityInputs,
  type Space,
} from '@freebind/core';
import { FATAL } from './fatal.ts';

/** The row of each input, or why it has none: by the space's `embedEach`, or, where it has none, one by one if a batch is refused. */
export async function eachRow<M extends Modality>(
  space: Space,
  modality: M,
  inputs: readonly ModalityInputs[M][],
  options: { readonly signal: AbortSignal; readonly moved: boolean },
): Promise<readonly EachEmbedding[]> {
  if (inputs.length === 0) return [];
  if (space.embedEach === undefined) return embedOrSplit(space, modality, inputs, options.signal);
  const rows = await space.embedEach(modality, inputs, options);
  if (rows.length === inputs.length) return rows.map((one) => (one.row === undefined ? one : checked(space, one.row)));
  throw new FreebindError(
    'FREEBIND_SHAPE_MISMATCH',
    `"${space.manifest.id}" gave ${rows.length} answers for ${inputs.length} inputs. Its \`embedEach\` is wrong; \`freebind conform\` tests spaces.`,
  );
}

async function embedOrSplit<M extends Modality>(
  space: Space,
  modality: M,
  inputs: readonly ModalityInputs[M][],
  signal: AbortSignal,
): Promise<readonly EachEmbedding[]> {
  try {
    const { rows, cols, data } = await space.embed(modality, inputs, { signal });
    if (rows !== inputs.length)
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `"${space.manifest.id}" gave ${rows} rows for ${inputs.length} inputs; \`freebind conform\` tests spaces.`,
      );
    return inputs.map((_, i) => checked(space, Float32Array.from(data.subarray(i * cols, (i + 1) * cols))));
  } catch (error) {
    // A file that a space misses is one of its model's.
    if (isFreebindError(error) && (FATAL.has(error.code) || error.code === 'FREEBIND_FILE_MISSING')) throw error;
    if (inputs.length === 1) return [{ error: asRefusal(error) }];
    const alone: EachEmbedding[] = [];
    for (const input of inputs) alone.push(...(await embedOrSplit(space, modality, [input], signal)));
    return alone;
  }
}

/** A row of the space's width that is finite and has a direction. @throws FREEBIND_SHAPE_MISMATCH */
function checked({ manifest }: Space, row: Float32Array): EachEmbedding {
  const { id, dimension } = manifest;
  if (row.length !== dimension)
    throw new FreebindError(
      'FREEBIND_SHAPE_MISMATCH',
      `"${id}" gave a row of ${row.length} numbers, but its manifest says ${dimension}. One of the two is wrong.`,
    );
  const bad = findBadRow({ rows: 1, cols: dimension, data: row });
  if (bad === undefined) return { row };
  const message = `"${id}" gave a row ${bad.problem === 'zero row' ? 'of zeros' : `with ${bad.problem}`} for this input.`;
  return { error: new FreebindError('FREEBIND_NUMBER_INVALID', message) };
}

function asRefusal(error: unknown): FreebindError {
  if (isFreebindError(error)) return error;
  const message = `The input was refused: ${error instanceof Error ? error.message : String(error)}`;
  return new FreebindError('FREEBIND_ARGUMENT_INVALID', message, { cause: error });
}
