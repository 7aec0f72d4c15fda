import { checkOptions } from '@freebind/core/config';
import { folderName, innerPath } from '@freebind/models';
import { z } from 'zod';
import { AUDIO_PRESETS, IMAGE_PRESETS } from './presets.ts';

const count = z.int({ error: 'give a whole number' }).min(1, { error: 'give a whole number of at least 1' });
const token = z.int({ error: 'give the id of a token' }).min(0, { error: 'give the id of a token' });
const word = z.string({ error: 'give a name' }).min(1, { error: 'give a name' });
const file = z.string({ error: 'give a file of the model, such as "onnx/model.onnx"' }).pipe(innerPath);
const colours = z.tuple([z.number(), z.number(), z.number()], { error: 'give three numbers: red, green, blue' });
const above = z.number().positive({ error: 'give a number above 0' });
const deviations = z.tuple([above, above, above], { error: 'give three numbers above 0: red, green, blue' });

/** What a graph is and what its output is called; the output is [rows, dimension]. */
const graph = { graph: file, output: word };

const square = z.strictObject({
  side: count,
  /** Where the square begins when the margin is odd: torchvision rounds half to even, transformers down. */
  rounding: z.enum(['half-even', 'floor']).default('half-even'),
  mean: colours,
  deviation: deviations,
});

const image = z.strictObject({
  ...graph,
  /** A preset, or its numbers: the shorter side resized to `side` by Pillow's bicubic, the middle cut out, (x/255 − mean)/deviation. */
  prepare: z.union([z.enum(presetNames()), square], {
    error: `give one of ${presetNames().join(', ')}, or { side, mean, deviation }`,
  }),
  /** Name of the graph's input [rows, 3, side, side]. */
  inputs: z.strictObject({ pixels: word }).default({ pixels: 'pixel_values' }),
});

const audio = z.strictObject({
  ...graph,
  prepare: z.enum(AUDIO_PRESETS, { error: `give one of ${AUDIO_PRESETS.join(', ')}` }),
  /** Names of the graph's inputs: [rows, 1, 128, 204], or [rows, 1 or 4, 1001, 64]; with fusion also whether a sound is over ten seconds. */
  inputs: z
    .strictObject({ features: word, longer: word.default('is_longer') })
    .default({ features: 'input_features', longer: 'is_longer' }),
  /** Decides with the sound which pieces of a long one CLAP hears. */
  seed: z.int().default(0),
});

const text = z.strictObject({
  ...graph,
  /** A `tokenizer.json` of Hugging Face's tokenizers. */
  tokenizer: file,
  /** Tokens of every text: longer ones are cut, shorter ones filled up. */
  length: count,
  /** What they are filled up with. */
  pad: token.default(0),
  /** Put before every text, such as "query: ". */
  prefix: z.string().default(''),
  /** Names of the graph's inputs [rows, length]: token ids, 1 for tokens and 0 for padding, zeros. */
  inputs: z
    .strictObject({ ids: word, mask: word.optional(), types: word.optional() })
    .default({ ids: 'input_ids', mask: 'attention_mask' }),
});

/** The keys of a space made by configuration. */
export const onnxSpaceSchema = z.strictObject({
  /** Names tables and stands in recipes: letters, digits, `.`, `-` and `_`. */
  id: z.string({ error: 'give the space a name' }).pipe(folderName),
  /** Columns of every graph's output. */
  dimension: count,
  modalities: z
    .strictObject(
      { image: image.optional(), audio: audio.optional(), text: text.optional() },
      { error: 'give image, audio or text' },
    )
    .refine((given) => Object.values(given).some((one) => one !== undefined), { error: 'give image, audio or text' }),
  /** Where the numbers come from; what is left out is "unknown". */
  source: z
    .strictObject({
      paper: word.default('unknown'),
      checkpoint: word.default('unknown'),
      license: word.default('unknown'),
    })
    .default({ paper: 'unknown', checkpoint: 'unknown', license: 'unknown' }),
  models: z.string().min(1).optional(),
  device: z.enum(['cpu', 'cuda', 'webgpu'], { error: 'give cpu, cuda or webgpu' }).optional(),
  precision: z.enum(['fp32', 'fp16', 'q8'], { error: 'give fp32, fp16 or q8' }).optional(),
  threads: count.optional(),
  workers: count.optional(),
  batch: count.optional(),
});

/** A space as its user writes it: plain data, which fits into a JSON file. */
export type OnnxSpaceConfig = z.input<typeof onnxSpaceSchema>;
/** The same with everything that was left out. */
export type OnnxSpaceSettings = z.output<typeof onnxSpaceSchema>;

/** Checks what describes a space. @throws FREEBIND_CONFIG_INVALID naming every wrong key, what it was and the fix */
export function readOnnxSpaceConfig(given: unknown): OnnxSpaceSettings {
  return checkOptions(onnxSpaceSchema, given, {
    is: 'This does not describe a space of ONNX graphs (@freebind/space-onnx)',
    all: 'the description',
  });
}

function presetNames(): readonly (keyof typeof IMAGE_PRESETS)[] {
  return Object.keys(IMAGE_PRESETS) as (keyof typeof IMAGE_PRESETS)[]; // of a constant object, so no other keys
}
