import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { FreebindError } from '@freebind/core';
import { findInHub } from './hub-cache.ts';
import { type ModelFile, type ModelManifest, variantOf } from './model-manifest.ts';

/** Where model files are looked for. */
export interface ModelPlaces {
  /** A plain folder with the model's files in it, asked first and alone. */
  readonly folder?: string | undefined;
  /** Default `process.env`: FREEBIND_MODELS, XDG_CACHE_HOME, HF_HUB_CACHE, HF_HOME. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Which form of a graph is wanted. Default `fp32`. */
  readonly precision?: Precision | undefined;
}

/** Number formats of weights, named as transformers.js names them. Inputs and outputs are float32 in all. */
export type Precision = 'fp32' | 'fp16' | 'q8';

/** What stands before `.onnx` in the name of a graph's file (transformers.js `DEFAULT_DTYPE_SUFFIX_MAPPING`). */
const SUFFIXES: Readonly<Record<Precision, string>> = { fp32: '', fp16: '_fp16', q8: '_quantized' };

/** Freebind's own folder of models: FREEBIND_MODELS, or `freebind/models` in the user's cache. */
export function modelsRoot(env: ModelPlaces['env'] = process.env): string {
  return env['FREEBIND_MODELS'] || join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'freebind', 'models');
}

/** Folder of a variant's files within freebind's own. */
export function variantFolder(models: ModelManifest, variant: string, env?: ModelPlaces['env']): string {
  return join(modelsRoot(env), models.space, variant);
}

/** Folder in freebind's own where one file of a variant lies: that of the variant, or of the one it shares it with. */
export function homeOf(models: ModelManifest, variant: string, file: ModelFile, env?: ModelPlaces['env']): string {
  return variantFolder(models, file.of ?? variant, env);
}

/**
 * Path of one file of a model: in the folder that was given, else in freebind's own, else in the cache of Hugging Face's
 * libraries. An ONNX file and its external data are taken from one place.
 *
 * @throws FREEBIND_FILE_MISSING naming the files that are needed, where to put them and the command that gets them
 */
export async function findModelFile(
  models: ModelManifest,
  variant: string,
  listed: string,
  places: ModelPlaces = {},
): Promise<string> {
  const { files } = variantOf(models, variant);
  const found = files.find((one) => one.path === listed);
  if (found === undefined) throw new Error(`The model ${models.space}/${variant} has no file ${listed}.`);
  const { precision = 'fp32' } = places;
  const file = inPrecision(found, precision);
  const { path } = file;
  const own = places.folder ?? homeOf(models, variant, file, places.env);
  if (await isFile(join(own, path))) return join(own, path);
  const cached = places.folder === undefined ? await findInHub(file, places.env ?? process.env) : undefined;
  if (cached !== undefined) return cached;
  const exported = file.url === null && file.huggingFace === undefined;
  const how =
    file !== found
      ? `It is the ${precision} form of ${listed}, which \`freebind models pull\` does not fetch: make it, or get it from where that one is from.`
      : exported
        ? `It has to be exported once: ${file.note ?? 'see docs/models.md.'}`
        : `Get it with \`freebind models pull ${models.space}/${variant}\`.`;
  throw new FreebindError(
    'FREEBIND_FILE_MISSING',
    `"${models.space}" (${variant}) needs ${path}, which is not in ${own}. ${how} Or put it into a folder with what else the model needs, and name that (option \`models\`).`,
  );
}

/** The file of the same graph in another precision, which lies beside it. */
function inPrecision(file: ModelFile, precision: Precision): ModelFile {
  if (precision === 'fp32' || !file.path.endsWith('.onnx')) return file;
  if (!Object.hasOwn(SUFFIXES, precision))
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `The precision is ${JSON.stringify(precision)}, expected one of ${Object.keys(SUFFIXES).join(', ')}.`,
    );
  const suffixed = (path: string): string => path.replace(/\.onnx$/, `${SUFFIXES[precision]}.onnx`);
  return {
    ...file,
    path: suffixed(file.path),
    // The manifest's are those of the float32 file.
    size: null,
    sha256: null,
    huggingFace: file.huggingFace && { ...file.huggingFace, file: suffixed(file.huggingFace.file) },
  };
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
