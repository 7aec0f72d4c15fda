// Wide encoder features onto their principal axes, as one linear layer that is kept beside this file.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ReferenceBackend } from '@freebind/backend-reference';
import { matrix, tableOf } from '@freebind/core';
import { openSafetensors, writeSafetensors } from '@freebind/core/files';
import { fitLatents } from '@freebind/core/training';

/** Columns that ship. */
const WIDTH = 256;

const matrixOf = (rows) => {
  const cols = rows[0].length;
  const m = matrix(rows.length, cols);
  rows.forEach((row, i) => m.data.set(row, i * cols));
  return m;
};

/** The reduction of one modality: the kept one, or with `refit` one fitted to `training` rows and kept. */
export async function openReduction(modality, training, { refit }) {
  const path = fileURLToPath(new URL(`./reduction.${modality}.safetensors`, import.meta.url));
  const backend = new ReferenceBackend({ precision: 'float32' });
  if (refit || !existsSync(path)) {
    const network = await fitLatents(
      tableOf(matrixOf(training)),
      { standardise: true, reduce: WIDTH },
      { backend, seed: 0 },
    );
    await writeSafetensors(path, network.weights);
  }
  const file = await openSafetensors(path);
  const weight = await file.tensor('latents.weight');
  const bias = await file.tensor('latents.bias');
  await file.close();
  const [output, input] = weight.shape;
  const layers = [{ kind: 'linear', name: 'latents', input, output }];
  const runner = await backend.openProjector([{ layers, weights: { 'latents.weight': weight, 'latents.bias': bias } }]);
  return async (rows) => {
    const { data, cols } = await runner.project(matrixOf(rows));
    return rows.map((_, i) => data.slice(i * cols, (i + 1) * cols));
  };
}
