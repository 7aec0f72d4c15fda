import type { Backend } from '../backend.ts';
import { FreebindError } from '../errors.ts';
import type { FusedSpaceData } from '../files/space-folder.ts';
import { findNotFinite, finiteRows } from '../finite-rows.ts';
import type { Matrix } from '../matrix.ts';
import { inputWidth } from '../network.ts';
import type { Table } from '../table.ts';
import { openAdapter } from './open-adapter.ts';

/** Rows that are embedded at a time. */
const TILE = 4096;

/**
 * Embeds encoder features [n, d] of one modality in a fused space, tile by tile: the yielded unit rows, one below the other,
 * are the space's table. Memory does not grow with the number of rows.
 *
 * @throws FREEBIND_CAPABILITY_MISSING for a modality that the space lacks, FREEBIND_SHAPE_MISMATCH for features of another
 * width, FREEBIND_NUMBER_INVALID naming the row that is not finite, or too long for float32, or that the adapter makes so,
 * FREEBIND_ABORTED
 */
export async function* embedTable(
  space: FusedSpaceData,
  modality: string,
  table: Table,
  { backend, signal }: { readonly backend: Backend; readonly signal?: AbortSignal },
): AsyncGenerator<Matrix, void, undefined> {
  const { manifest, adapters } = space;
  const network = Object.hasOwn(adapters, modality) ? adapters[modality] : undefined;
  if (network === undefined) {
    throw new FreebindError(
      'FREEBIND_CAPABILITY_MISSING',
      `"${manifest.id}" has no adapter for ${modality}; its modalities are ${manifest.modalities.join(', ')}.`,
    );
  }
  const width = inputWidth(network.layers);
  if (table.cols !== width) {
    throw new FreebindError(
      'FREEBIND_SHAPE_MISMATCH',
      `${table.source} has ${table.cols} columns, but "${manifest.id}" takes ${modality} features of ${width}. Encode with the encoder that it was fused from.`,
    );
  }
  const features = finiteRows(table);
  const runner = await openAdapter(network, backend);
  try {
    for (let start = 0; start < table.rows; start += TILE) {
      if (signal?.aborted === true) {
        throw new FreebindError('FREEBIND_ABORTED', `Embedding ${table.source} was stopped at row ${start}.`, {
          cause: signal.reason,
        });
      }
      const rows = await runner.project(await features.read(start, Math.min(start + TILE, table.rows)));
      const bad = findNotFinite(rows);
      if (bad !== undefined)
        throw new FreebindError(
          'FREEBIND_NUMBER_INVALID',
          `Row ${start + bad.row} of ${table.source} becomes ${bad.problem} in the ${modality} adapter of "${manifest.id}": numbers in between are too large for float32. Encode that item again or leave it out, and check that the table is of the encoder that the space was fused from.`,
        );
      yield rows;
    }
  } finally {
    await runner.close();
  }
}
