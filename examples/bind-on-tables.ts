// Binds an audio-text expert to a unified space on tables of embeddings, mixes the two, and measures what that gives.
// Run it with `npm run build && npx jiti examples/bind-on-tables.ts`.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import onnx from '@freebind/backend-onnx';
import { composeTables, evaluateDirections, freebind, recipe, shapesOf, stackTables, tableOf } from '@freebind/core';
import { openTables } from '@freebind/core/files';
import { trainRecipe } from '@freebind/core/training';

const RECIPE = recipe('unified + c(sound)');
const tables = (name: string) => openTables(fileURLToPath(new URL(`../fixtures/numpy/${name}`, import.meta.url)));
const bonds = await mkdtemp(join(tmpdir(), 'bonds-'));

const fb = await freebind({ plugins: [onnx()] });
const backend = await fb.backend();

// Items of one modality are the same in every space; sounds and texts need not belong together.
const pool = await tables('pool');
const training = { batch: 64, epochs: { displacement: 5, combination: 20 }, hidden: 64, temperature: 0.1 };
for await (const event of trainRecipe({ recipe: RECIPE, tables: pool, bonds, backend, training }))
  if (event.type === 'step' && event.step === event.steps) console.log(event.stage, event.loss.toFixed(3));

// Row i is one item, heard and described: what retrieval is measured on.
const paired = await tables('paired');
const composition = await fb.compose(RECIPE, { spaces: shapesOf(paired), bonds });

/** Mean recall at 1 between audio and text, with the expert mixed in by `factor`. */
async function recallWith(factor: number): Promise<number> {
  const rows = async (modality: string) => {
    const tiles = [];
    for await (const tile of composeTables(composition, paired, modality, { factors: { audio: factor, text: factor } }))
      tiles.push(tableOf(tile));
    return stackTables(tiles);
  };
  const modalities = { audio: await rows('audio'), text: await rows('text') };
  const { mean } = await evaluateDirections({ modalities, backend, ks: [1] });
  return mean[0]?.value ?? 0;
}

/** 0 is the unified space alone. Nothing is trained again. */
for (const factor of [0, 0.5, 0.8, 1]) console.log(`factor ${factor}: R@1 ${(await recallWith(factor)).toFixed(2)}`);
await Promise.all([pool.close(), paired.close(), fb.close(), rm(bonds, { recursive: true })]);
