import type { ModelManifest } from '@freebind/models';
import { IMAGEBIND_AUDIO_DIMS } from '@freebind/preprocess';
import type { OnnxSpaceSettings } from './config.ts';
import { squareOf } from './presets.ts';

type Graph = ModelManifest['variants'][string]['graphs'][string];
type Modalities = OnnxSpaceSettings['modalities'];

/** Which files the space needs and what its graphs must be: the model `onnx/ID`, described as other spaces' `models.json` do. */
export function onnxModels({ id, dimension, modalities, source }: OnnxSpaceSettings): ModelManifest {
  const { image, audio, text } = modalities;
  const graphs: Record<string, Graph> = {};
  const add = (one: { readonly graph: string; readonly output: string } | undefined, inputs: Graph['inputs']): void => {
    if (one !== undefined) graphs[one.graph] = { inputs, output: one.output, dimension };
  };
  if (image !== undefined) add(image, imagePorts(image));
  if (audio !== undefined) add(audio, audioPorts(audio));
  if (text !== undefined) add(text, textPorts(text));
  const paths = new Set([...Object.keys(graphs), ...(text === undefined ? [] : [text.tokenizer])]);
  return {
    space: 'onnx',
    variants: {
      [id]: {
        description: `described by configuration; ${source.paper}`,
        spaces: [id],
        licence: source.license,
        commercial: null,
        source: source.checkpoint,
        files: [...paths].map((path) => ({
          path,
          size: null,
          sha256: null,
          url: null,
          note: 'put it there yourself.',
        })),
        graphs,
      },
    },
  };
}

function imagePorts(image: NonNullable<Modalities['image']>): Graph['inputs'] {
  const { side } = squareOf(image.prepare);
  return { [image.inputs.pixels]: { type: 'float32', dims: ['batch', 3, side, side] } };
}

function audioPorts({ prepare, inputs }: NonNullable<Modalities['audio']>): Graph['inputs'] {
  const [, ...clip] = IMAGEBIND_AUDIO_DIMS;
  if (prepare === 'imagebind-audio') return { [inputs.features]: { type: 'float32', dims: ['clips', ...clip] } };
  const fusion = prepare === 'clap-fused';
  // Mels in dB, of which these are usual ones.
  const example = { mean: -30, deviation: 15 };
  return {
    [inputs.features]: { type: 'float32', dims: ['batch', fusion ? 4 : 1, 1001, 64], example },
    ...(fusion && { [inputs.longer]: { type: 'bool', dims: ['batch', 1] } }),
  };
}

function textPorts({ length, inputs }: NonNullable<Modalities['text']>): Graph['inputs'] {
  const names = [inputs.ids, inputs.mask, inputs.types].filter((name) => name !== undefined);
  return Object.fromEntries(names.map((name) => [name, { type: 'int64', dims: ['batch', length] }]));
}
