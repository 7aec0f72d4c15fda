import { API_VERSION, definePlugin, type Plugin, SPACE, type SpaceManifest } from '@freebind/core';
import type { EncoderSpace } from '@freebind/encoder-onnx';
import { type ModelManifest, readModelManifest } from '@freebind/models';
import { type ClapFiles, clapSpace, type ClapSpaceOptions } from './clap-space.ts';

export { type ClapFiles, clapSpace, type ClapSpaceOptions } from './clap-space.ts';
export { RobertaTokenizer, type TokenIds } from './roberta-tokenizer.ts';

/** CLAP's models: LAION's general one with fusion, its music one, and the unfused one as transformers.js lays it out. */
export type ClapModel = 'general' | 'music' | 'unfused';

/** Options of the plugin. */
export interface ClapOptions extends ClapSpaceOptions {
  /** The space whose files the folder `models` holds. Those of the others are looked for where models usually are. Default `clap-general`. */
  readonly space?: `clap-${ClapModel}`;
}

const MODELS: Readonly<Record<ClapModel, { readonly checkpoint: string; readonly files: ClapFiles }>> = {
  general: {
    checkpoint: '630k-fusion-best.pt',
    files: { audio: 'clap_audio.onnx', text: 'clap_text.onnx', fusion: true },
  },
  // The one of LAION's two music checkpoints that FreeBind's projectors were trained on: `models/paths.py`, `CLAP_M_PATH`.
  music: {
    checkpoint: 'music_speech_audioset_epoch_15_esc_89.98.pt',
    files: { audio: 'clap_audio.onnx', text: 'clap_text.onnx', fusion: false },
  },
  unfused: {
    checkpoint: 'Xenova/clap-htsat-unfused',
    files: { audio: 'onnx/audio_model.onnx', text: 'onnx/text_model.onnx', fusion: false },
  },
};

/** Which model files there are and what their graphs must be: `models.json` of this package. */
export function clapModels(): ModelManifest {
  return readModelManifest(new URL('../models.json', import.meta.url));
}

/** LAION-CLAP (ICASSP 2023) as a plugin: `clap({ space: 'clap-music', models: './clap' })`. */
const clap: Plugin<ClapOptions> = definePlugin<ClapOptions>(
  {
    apiVersion: API_VERSION,
    package: '@freebind/space-clap',
    spaces: ['clap-general', 'clap-music', 'clap-unfused'],
    models: './models.json',
  },
  ({ bind }, { space: chosen = 'clap-general', models: folder, ...options }) => {
    // The keys of MODELS are its models.
    for (const variant of Object.keys(MODELS) as ClapModel[]) {
      const { checkpoint, files } = MODELS[variant];
      const manifest: SpaceManifest = {
        id: `clap-${variant}`,
        dimension: 512,
        modalities: ['audio', 'text'],
        source: {
          paper: 'LAION-CLAP, ICASSP 2023, arXiv 2211.06687',
          checkpoint,
          license: variant === 'unfused' ? 'Apache-2.0' : 'CC0-1.0',
        },
      };
      const own = { ...options, models: manifest.id === chosen ? folder : undefined };
      bind(SPACE)
        .toResolvedValue((): EncoderSpace => clapSpace(manifest, { models: clapModels(), variant, files }, own), [])
        .inSingletonScope()
        .whenNamed(manifest.id)
        .onDeactivation((space) => space.close());
    }
  },
);

export default clap;
