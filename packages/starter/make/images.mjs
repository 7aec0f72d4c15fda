// Drawings into rows: the MobileNetV2 of npm's nsfwjs (MIT), its last convolution `Conv_1/Relu6` mean-pooled, 1792 columns.
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { loadGraphModel } from '@tensorflow/tfjs-converter';
import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm';
import sharp from 'sharp';
import { folderOf, readJson, require } from './packages.mjs';

const SIDE = 128;
const FEATURES =
  'StatefulPartitionedCall/sequential/keras_layer/StatefulPartitionedCall/StatefulPartitionedCall/StatefulPartitionedCall/predict/MobilenetV2/Conv_1/Relu6';

/** Renders an icon of an Iconify set on white, SIDE × SIDE, RGB in [0, 1]. */
async function render(icons, name) {
  const alias = icons.aliases?.[name];
  const icon = icons.icons[alias?.parent ?? name];
  const [width, height] = [icon.width ?? icons.width ?? 16, icon.height ?? icons.height ?? 16];
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${SIDE}" height="${SIDE}" viewBox="${icon.left ?? 0} ${icon.top ?? 0} ${width} ${height}">${icon.body}</svg>`;
  const pixels = await sharp(Buffer.from(svg))
    .resize(SIDE, SIDE, { fit: 'contain', background: 'white' })
    .flatten({ background: 'white' })
    .removeAlpha()
    .raw()
    .toBuffer();
  return Float32Array.from(pixels, (x) => x / 255);
}

/** Opens the encoder: names of one Iconify set → rows of 1792. */
export async function openImageEncoder() {
  setThreadsCount(2);
  await tf.setBackend('wasm');
  const folder = join(folderOf('nsfwjs'), 'dist/models/mobilenet_v2_mid');
  const { default: model } = { default: require(join(folder, 'model.min.js')) };
  const topology = structuredClone((model.default ?? model).modelTopology);
  // The network is convolutional up to its features: any side will do, and 128 takes a third of the time of 224.
  for (const { op, attr } of topology.node) {
    if (op === 'Placeholder') for (const side of [1, 2]) attr.shape.shape.dim[side].size = '-1';
  }
  const { weightsManifest } = model.default ?? model;
  const shards = weightsManifest[0].paths.map((path) => {
    const shard = require(join(folder, `${path}.min.js`));
    return Buffer.from(shard.default ?? shard, 'base64');
  });
  const bytes = Buffer.concat(shards);
  const graph = await loadGraphModel({
    load: async () => ({
      modelTopology: topology,
      format: 'graph-model',
      weightSpecs: weightsManifest.flatMap(({ weights }) => weights),
      weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
    }),
  });
  return async (set, names, onProgress = () => {}) => {
    const icons = readJson(folderOf(set), 'icons.json');
    const rows = [];
    for (const name of names) {
      const pixels = await render(icons, name);
      const pooled = tf.tidy(() =>
        tf.mean(graph.execute({ input: tf.tensor4d(pixels, [1, SIDE, SIDE, 3]) }, FEATURES), [1, 2]),
      );
      rows.push(Float32Array.from(await pooled.data()));
      pooled.dispose();
      onProgress(rows.length, names.length);
    }
    return rows;
  };
}
