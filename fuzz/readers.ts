import type { Reader } from './reader.ts';
import { flac, mp3, opus, vorbis } from './readers/compressed-sound.ts';
import { configs } from './readers/config.ts';
import { npy } from './readers/npy.ts';
import { onnxGraph } from './readers/onnx-graph.ts';
import { pictures } from './readers/picture.ts';
import { recipes } from './readers/recipe.ts';
import { safetensors } from './readers/safetensors.ts';
import { sentencepiece } from './readers/sentencepiece.ts';
import { sound } from './readers/sound.ts';
import { tokenizerJson } from './readers/tokenizer-json.ts';
import { torch } from './readers/torch.ts';

/** Every reader of what others wrote; a new one needs an entry here and nothing else. */
export const READERS: readonly Reader[] = [
  npy,
  safetensors,
  torch,
  recipes,
  configs,
  sound,
  flac,
  mp3,
  vorbis,
  opus,
  pictures,
  tokenizerJson,
  sentencepiece,
  onnxGraph,
];
