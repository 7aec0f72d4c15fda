import { API_VERSION, definePlugin, type Plugin, SPACE, type SpaceManifest } from '@freebind/core';
import type { EncoderSpace } from '@freebind/encoder-onnx';
import { type ModelManifest, readModelManifest } from '@freebind/models';
import { type InternvlOptions, internvlSpace } from './internvl-space.ts';

export { type InternvlOptions, internvlSpace } from './internvl-space.ts';
export { InternvlTokenizer } from './internvl-tokenizer.ts';
export { SentencePiece } from './sentencepiece.ts';

const MANIFEST: SpaceManifest = {
  id: 'internvl',
  dimension: 768,
  modalities: ['image', 'text'],
  source: {
    paper: 'InternVL, CVPR 2024, arXiv 2312.14238',
    checkpoint: 'OpenGVLab/InternVL-14B-224px, the contrastive part (InternVL-C)',
    license: 'MIT',
  },
};

/** Which model files there are and what their graphs must be: `models.json` of this package. */
export function internvlModels(): ModelManifest {
  return readModelManifest(new URL('../models.json', import.meta.url));
}

/** InternVL-C (CVPR 2024) as a plugin: `internvl({ models: './internvl' })`. */
const internvl: Plugin<InternvlOptions> = definePlugin<InternvlOptions>(
  { apiVersion: API_VERSION, package: '@freebind/space-internvl', spaces: ['internvl'], models: './models.json' },
  ({ bind }, options) => {
    bind(SPACE)
      .toResolvedValue((): EncoderSpace => internvlSpace(MANIFEST, internvlModels(), 'c-14b-224', options), [])
      .inSingletonScope()
      .whenNamed(MANIFEST.id)
      .onDeactivation((space) => space.close());
  },
);

export default internvl;
