import { FreebindError } from '../errors.ts';
import { createNpy, openNpy } from '../files/npy.ts';
import { openSafetensors } from '../files/safetensors.ts';
import { checkSeal, removeSealed, seal } from '../files/seal.ts';
import { writeSafetensors } from '../files/safetensors-writer.ts';
import type { Backend } from '../backend.ts';
import { type Network, parametersOf, type Tensor } from '../network.ts';
import type { Table } from '../table.ts';
import { madeAgain, paceMeter, type TrainingEvent } from '../training/events.ts';
import { fitLatents, LATENTS_LAYER, type LatentPreparation } from './latents.ts';
import { openLatents } from './open-adapter.ts';

/** Latents as adapters train on them. */
export interface PreparedLatents {
  readonly table: Table;
  /** The frozen layer that made them, or undefined where they are as they came. */
  readonly layer: Network | undefined;
  readonly close: () => Promise<void>;
}

/** Rows that are projected at a time. */
const TILE = 4096;

/**
 * Fits the preparation on `table` and applies it once, in tiles, to files `PATH.safetensors` and `PATH.npy`; training then
 * reads those. A run that goes on takes what is there: fitted anew, another device's rounding could move the axes.
 */
export async function* prepareLatents(
  stage: string,
  table: Table,
  options: {
    readonly latents: LatentPreparation;
    readonly backend: Backend;
    readonly seed: number;
    readonly path: string;
    readonly signal?: AbortSignal | undefined;
  },
): AsyncGenerator<TrainingEvent, PreparedLatents, undefined> {
  const { latents, backend, seed, path, signal } = options;
  const [layerPath, rowsPath] = [`${path}.safetensors`, `${path}.npy`];
  const [layerState, rowsState] = [await checkSeal(layerPath), await checkSeal(rowsPath)];
  const kept = layerState === 'whole' ? await readLayer(layerPath) : undefined;
  const layer = kept ?? (await fitLatents(table, latents, { backend, seed }));
  if (layer === undefined) return { table, layer, close: async () => undefined };
  if (layerState === 'damaged') yield madeAgain(stage, layerPath);
  if (rowsState === 'damaged') yield madeAgain(stage, rowsPath);
  if (kept === undefined) {
    // Rows of another layer, if there are any, go first.
    await removeSealed(rowsPath);
    await writeSafetensors(layerPath, layer.weights);
    await seal(layerPath);
  }
  if (kept === undefined || rowsState !== 'whole') {
    yield* project(stage, table, { layer, backend, path: rowsPath, signal });
    await seal(rowsPath);
  }
  const opened = await openNpy(rowsPath);
  return { table: opened, layer, close: () => opened.close() };
}

async function* project(
  stage: string,
  table: Table,
  {
    layer,
    backend,
    path,
    signal,
  }: {
    readonly layer: Network;
    readonly backend: Backend;
    readonly path: string;
    readonly signal: AbortSignal | undefined;
  },
): AsyncGenerator<TrainingEvent, void, undefined> {
  const cols = layer.weights[`${LATENTS_LAYER}.bias`]?.data.length ?? table.cols;
  const pace = paceMeter();
  yield { type: 'stage', stage, done: 0, total: table.rows };
  const runner = await openLatents(layer, backend);
  const writer = await createNpy(path, { cols, dtype: backend.manifest.precision === 'float64' ? 'f8' : 'f4' });
  try {
    for (let start = 0; start < table.rows; start += TILE) {
      if (signal?.aborted === true) {
        throw new FreebindError(
          'FREEBIND_ABORTED',
          `${stage} was stopped at row ${start} of ${table.rows}. Resume to go on.`,
          {
            cause: signal.reason,
          },
        );
      }
      const done = Math.min(start + TILE, table.rows);
      await writer.append(await runner.project(await table.read(start, done)));
      yield { type: 'rows', stage, done, total: table.rows, ...pace(done - start, table.rows - done) };
    }
    await writer.commit();
  } finally {
    await writer.discard();
    await runner.close();
  }
}

async function readLayer(path: string): Promise<Network> {
  const file = await openSafetensors(path);
  try {
    const [output = 0, input = 0] = file.info(`${LATENTS_LAYER}.weight`).shape;
    const layers = [{ kind: 'linear', name: LATENTS_LAYER, input, output }] as const;
    const weights: Record<string, Tensor> = {};
    for (const { name } of parametersOf(layers)) weights[name] = await file.tensor(name);
    return { layers, weights };
  } finally {
    await file.close();
  }
}
