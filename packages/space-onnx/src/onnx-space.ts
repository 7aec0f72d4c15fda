import type { ModalityInputs } from '@freebind/core';
import {
  checkText,
  encoderModel,
  type EncoderModel,
  EncoderSpace,
  type Feed,
  kept,
  type ModalityEncoder,
  tracedBatch,
} from '@freebind/encoder-onnx';
import { IMAGEBIND_AUDIO_DIMS, squareLevels } from '@freebind/preprocess';
import { builtModule, ThreadPool } from '@freebind/threads';
import type { OnnxSpaceSettings } from './config.ts';
import { JsonTokenizer } from './json-tokenizer.ts';
import { onnxModels } from './onnx-models.ts';
import type * as preparation from './preparation.ts';
import { squareOf } from './presets.ts';

type Modalities = OnnxSpaceSettings['modalities'];
type Encoder<Modality extends keyof ModalityInputs> = ModalityEncoder<ModalityInputs[Modality]>;
type Threads = ThreadPool<typeof preparation>;

/** A space of the graphs that `settings` describe. Nothing is loaded yet. */
export function onnxSpace(settings: OnnxSpaceSettings): EncoderSpace {
  const { id, dimension, modalities, source, models, device, precision, threads: cores, workers, batch } = settings;
  const placement = { models, ...(device && { device }), ...(precision && { precision }) };
  const counts = { ...(cores && { threads: cores }), ...(workers && { workers }), ...(batch && { batch }) };
  const model = encoderModel(onnxModels(settings), id, { ...placement, ...counts });
  const threads: Threads = new ThreadPool({
    module: builtModule('./preparation.js', import.meta.url),
    size: workers,
    depth: 2, // one picture in its decoder, one resized
    owner: `the space "${id}"`,
  });
  const { image, audio, text } = modalities;
  return new EncoderSpace(
    { id, dimension, modalities: Object.keys(modalities), source },
    {
      ...(image && { image: imageEncoder(image, model, threads) }),
      ...(audio && { audio: audioEncoder(audio, model, threads) }),
      ...(text && { text: textEncoder(text, model) }),
    },
    { batch, workers, threads },
  );
}

function imageEncoder(
  { graph, prepare, inputs }: NonNullable<Modalities['image']>,
  { encoder }: EncoderModel,
  threads: Threads,
): Encoder<'image'> {
  const square = squareOf(prepare);
  const dims = [1, 3, square.side, square.side];
  const levels = squareLevels(square);
  return {
    encoder: encoder(graph),
    options: { prepare: JSON.stringify(square) },
    prepare: async ({ bytes }, call) => {
      const data = await threads.call('image', [bytes, square], call);
      return { [inputs.pixels]: { type: 'float32', dims, data, levels } };
    },
  };
}

function audioEncoder(
  { graph, prepare, inputs, seed }: NonNullable<Modalities['audio']>,
  { encoder }: EncoderModel,
  threads: Threads,
): Encoder<'audio'> {
  if (prepare === 'imagebind-audio')
    return {
      encoder: encoder(graph),
      options: { prepare },
      prepare: async (sound, call) => {
        const data = await threads.call('imagebindAudio', [sound], call);
        return { [inputs.features]: { type: 'float32', dims: IMAGEBIND_AUDIO_DIMS, data } };
      },
    };
  const fusion = prepare === 'clap-fused';
  return {
    encoder: encoder(graph, tracedBatch),
    options: { prepare, seed },
    prepare: async (sound, call) => {
      const { data, longer } = await threads.call('clapAudio', [sound, { fusion, seed }], call);
      if (!fusion) return { [inputs.features]: { type: 'float32', dims: [1, 1, 1001, 64], data } };
      const features: Feed = { type: 'float32', dims: [1, 4, 1001, 64], data, times: longer ? 1 : 4 };
      const flag: Feed = { type: 'bool', dims: [1, 1], data: Uint8Array.of(longer ? 1 : 0) };
      return { [inputs.features]: features, [inputs.longer]: flag };
    },
  };
}

function textEncoder(
  { graph, tokenizer: file, length, pad, prefix, inputs }: NonNullable<Modalities['text']>,
  { encoder, find }: EncoderModel,
): Encoder<'text'> {
  const tokenizer = kept(async () => JsonTokenizer.open(await find(file), { length, pad }));
  const row = (data: BigInt64Array): Feed => ({ type: 'int64', dims: [1, length], data });
  return {
    encoder: encoder(graph),
    files: async () => [await find(file)],
    open: tokenizer,
    options: { length, pad, prefix },
    prepare: async (text) => {
      checkText(text, length);
      const { ids, mask } = (await tokenizer()).encode(`${prefix}${text}`);
      return {
        [inputs.ids]: row(ids),
        ...(inputs.mask !== undefined && { [inputs.mask]: row(mask) }),
        ...(inputs.types !== undefined && { [inputs.types]: row(new BigInt64Array(length)) }),
      };
    },
  };
}
