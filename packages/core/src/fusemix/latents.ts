import type { Backend } from '../backend.ts';
import { FreebindError } from '../errors.ts';
import { finiteRows } from '../finite-rows.ts';
import { type Matrix, matrix } from '../matrix.ts';
import type { Layer, Network } from '../network.ts';
import type { Table } from '../table.ts';
import { principalAxes } from './principal-axes.ts';

/** What is done to encoder features before an adapter sees them. All of it is one linear layer. */
export interface LatentPreparation {
  /** Columns to zero mean and unit variance. */
  readonly standardise?: boolean | undefined;
  /** Onto this many principal axes; implies centring. Absent, or not below the width: no reduction. */
  readonly reduce?: number | undefined;
  /** Principal components to unit variance. */
  readonly whiten?: boolean | undefined;
}

/** Name of the layer that prepares latents, in front of an adapter's own. */
export const LATENTS_LAYER = 'latents';

/** Rows that are read at a time. */
const TILE = 2048;

/**
 * Fits the preparation of one modality's latents on `features` [n, d], in tiles: a network of one linear layer [n, d] → [n, k],
 * k = `reduce` or d; undefined where nothing is to be prepared. A column that never changes stays zero.
 *
 * @throws FREEBIND_NUMBER_INVALID for NaN or Inf, FREEBIND_ARGUMENT_INVALID unless `reduce` is a whole number of at least 1
 */
export async function fitLatents(
  features: Table,
  { standardise = false, reduce, whiten = false }: LatentPreparation,
  { backend, seed }: { readonly backend: Backend; readonly seed: number },
): Promise<Network | undefined> {
  const table = finiteRows(features);
  const d = table.cols;
  if (reduce !== undefined && !(Number.isSafeInteger(reduce) && reduce >= 1)) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `Latents are to be reduced to ${reduce} columns; that must be a whole number of at least 1.`,
    );
  }
  // Whitening needs the axes even where none is dropped.
  const k = Math.min(reduce ?? d, d);
  const rotates = k < d || whiten;
  if (!standardise && !rotates) return undefined;

  const { mean, deviation } = await columnStatistics(table);
  const scale = deviation.map((s) => (standardise ? (s > 0 ? 1 / s : 0) : 1));
  if (!rotates) {
    const diagonal = matrix(d, d);
    scale.forEach((s, i) => (diagonal.data[i * d + i] = s));
    return linear(diagonal, mean);
  }
  const axes = await principalAxes(scaledTiles(table, mean, scale), { d, k, backend, seed });
  const weight = matrix(k, d);
  for (let i = 0; i < k; i++) {
    const variance = axes.values[i] ?? 0;
    const size = whiten ? (variance > 0 ? 1 / Math.sqrt(variance) : 0) : 1;
    for (let c = 0; c < d; c++) weight.data[i * d + c] = (axes.vectors[i * d + c] ?? 0) * (scale[c] ?? 0) * size;
  }
  return linear(weight, mean);
}

/** x ↦ weight · (x − mean), as a linear layer. */
function linear(weight: Matrix, mean: Float64Array): Network {
  const { rows: output, cols: input } = weight;
  const bias = new Float32Array(output);
  for (let i = 0; i < output; i++) {
    let sum = 0;
    for (let c = 0; c < input; c++) sum -= (weight.data[i * input + c] ?? 0) * (mean[c] ?? 0);
    bias[i] = sum;
  }
  const layer: Layer = { kind: 'linear', name: LATENTS_LAYER, input, output };
  return {
    layers: [layer],
    weights: {
      [`${LATENTS_LAYER}.weight`]: { shape: [output, input], data: weight.data },
      [`${LATENTS_LAYER}.bias`]: { shape: [output], data: bias },
    },
  };
}

/** Mean and population standard deviation of every column, in one pass (Welford's update, tile by tile), float64. */
async function columnStatistics(
  table: Table,
): Promise<{ readonly mean: Float64Array; readonly deviation: Float64Array }> {
  const mean = new Float64Array(table.cols);
  const squares = new Float64Array(table.cols);
  let n = 0;
  for await (const { rows, cols, data } of tiles(table)) {
    for (let r = 0; r < rows; r++) {
      n++;
      for (let c = 0; c < cols; c++) {
        const x = data[r * cols + c] ?? 0;
        const before = x - (mean[c] ?? 0);
        mean[c] = (mean[c] ?? 0) + before / n;
        squares[c] = (squares[c] ?? 0) + before * (x - (mean[c] ?? 0));
      }
    }
  }
  return { mean, deviation: squares.map((sum) => Math.sqrt(sum / Math.max(n, 1))) };
}

async function* scaledTiles(
  table: Table,
  mean: Float64Array,
  scale: Float64Array,
): AsyncGenerator<Matrix, void, undefined> {
  for await (const { rows, cols, data } of tiles(table)) {
    const scaled = matrix(rows, cols);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < cols; c++)
        scaled.data[r * cols + c] = ((data[r * cols + c] ?? 0) - (mean[c] ?? 0)) * (scale[c] ?? 0);
    }
    yield scaled;
  }
}

async function* tiles(table: Table): AsyncGenerator<Matrix, void, undefined> {
  for (let start = 0; start < table.rows; start += TILE) {
    yield await table.read(start, Math.min(start + TILE, table.rows));
  }
}
