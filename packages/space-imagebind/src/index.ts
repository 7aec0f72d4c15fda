import { API_VERSION, definePlugin, type Plugin, SPACE, type SpaceManifest } from '@freebind/core';
import type { EncoderSpace } from '@freebind/encoder-onnx';
import { type ModelManifest, readModelManifest } from '@freebind/models';
import { imagebindSpace, type ImagebindOptions } from './imagebind-space.ts';

export { ClipTokenizer } from './clip-tokenizer.ts';
export { imagebindSpace, type ImagebindOptions } from './imagebind-space.ts';

/** The spaces that this package brings, and the model of each. */
const SPACES = {
  imagebind: { variant: 'huge', audio: 'imagebind_audio.onnx', checkpoint: 'imagebind_huge.pth' },
  'imagebind†': {
    variant: 'huge-ft',
    audio: 'imagebind_audio_ft.onnx',
    checkpoint: "imagebind_huge.pth with FreeBind's fine-tuned audio encoder",
  },
} as const;

/** Which model files there are and what their graphs must be: `models.json` of this package. */
export function imagebindModels(): ModelManifest {
  return readModelManifest(new URL('../models.json', import.meta.url));
}

/** ImageBind (CVPR 2023), and the variant whose audio encoder FreeBind fine-tuned, as a plugin: `imagebind({ models: './models' })`. */
const imagebind: Plugin<ImagebindOptions> = definePlugin<ImagebindOptions>(
  {
    apiVersion: API_VERSION,
    package: '@freebind/space-imagebind',
    spaces: Object.keys(SPACES),
    models: './models.json',
  },
  ({ bind }, options) => {
    for (const [id, { variant, audio, checkpoint }] of Object.entries(SPACES)) {
      const manifest: SpaceManifest = {
        id,
        dimension: 1024,
        modalities: ['image', 'audio', 'text'],
        source: { paper: 'ImageBind, CVPR 2023, arXiv 2305.05665', checkpoint, license: 'CC-BY-NC-SA-4.0' },
      };
      bind(SPACE)
        .toResolvedValue(
          (): EncoderSpace => imagebindSpace(manifest, { models: imagebindModels(), variant, audio }, options),
          [],
        )
        .inSingletonScope()
        .whenNamed(id)
        .onDeactivation((space) => space.close());
    }
  },
);

export default imagebind;
