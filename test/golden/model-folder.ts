import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { goldenPath } from './folder.ts';

/**
 * A folder of model files as a space looks for them, made of golden ones: names as the space has them, to paths as the golden
 * folder has them. The graphs are tiny, of the official architectures. @returns the folder, and what removes it
 */
export async function modelFolder(
  files: Readonly<Record<string, string>>,
): Promise<{ readonly folder: string; readonly remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'freebind-models-'));
  for (const [name, golden] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await symlink(goldenPath(golden), join(folder, name));
  }
  return { folder, remove: () => rm(folder, { recursive: true }) };
}

/** ImageBind's, of 24 columns. */
export const IMAGEBIND_FILES = {
  'imagebind_vision.onnx': 'models/imagebind_vision.onnx',
  'imagebind_audio.onnx': 'models/imagebind_audio.onnx',
  'imagebind_text.onnx': 'models/imagebind_text.onnx',
  'bpe_simple_vocab_16e6.txt.gz': 'vocab/clip-bpe/bpe_simple_vocab_16e6.txt.gz',
};

/** InternVL-C's, of 24 columns. */
export const INTERNVL_FILES = {
  'internvl_c_vision.onnx': 'models/internvl_c_vision.onnx',
  'internvl_c_text.onnx': 'models/internvl_c_text.onnx',
  'tokenizer.model': 'vocab/internvl-llama/tokenizer.model',
};

const ROBERTA = { 'vocab.json': 'vocab/roberta-base/vocab.json', 'merges.txt': 'vocab/roberta-base/merges.txt' };

/** CLAP's, of 16 columns: with fusion, without, and as transformers.js lays the unfused one out. */
export const CLAP_FILES = {
  general: { 'clap_audio.onnx': 'models/clap_fused_audio.onnx', 'clap_text.onnx': 'models/clap_text.onnx', ...ROBERTA },
  music: { 'clap_audio.onnx': 'models/clap_unfused_audio.onnx', 'clap_text.onnx': 'models/clap_text.onnx', ...ROBERTA },
  unfused: {
    'onnx/audio_model.onnx': 'models/clap_unfused_audio.onnx',
    'onnx/text_model.onnx': 'models/clap_text.onnx',
    ...ROBERTA,
  },
} as const;
