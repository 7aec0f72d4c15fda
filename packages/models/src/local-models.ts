import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FreebindError } from '@freebind/core';
import { type ModelPlaces, variantFolder } from './find-model.ts';
import { type ModelManifest, readModelManifest, variantOf } from './model-manifest.ts';

/** What a folder of model files may say about them in place of the package. */
const LOCAL_FILE = 'models.json';

/**
 * The models of a space as the folder of a variant's files describes them: its own `models.json`, for graphs of other widths or
 * names than the official ones, or, where it has none, `models` itself. Reads at once, since the file is small and a space's
 * dimension is asked for before its first input.
 *
 * @throws FREEBIND_FILE_INVALID when the file is no list of models, or one of another space
 */
export function localModels(models: ModelManifest, variant: string, places: ModelPlaces = {}): ModelManifest {
  const path = join(places.folder ?? variantFolder(models, variant, places.env), LOCAL_FILE);
  if (!existsSync(path)) return models;
  const found = readModelManifest(path, 'Mend it, or remove it if the files are the official ones');
  if (found.space === models.space && Object.hasOwn(found.variants, variant)) return found;
  throw new FreebindError(
    'FREEBIND_FILE_INVALID',
    `${path} describes "${found.space}" (${Object.keys(found.variants).join(', ')}), but the folder is for "${models.space}" (${variant}). Put it into the folder of its own model.`,
  );
}

/** Columns of what a variant's graphs give, which is one number for all of them. @throws FREEBIND_FILE_INVALID when they differ */
export function dimensionOf(models: ModelManifest, variant: string): number {
  const graphs = Object.entries(variantOf(models, variant).graphs);
  const [first, ...others] = graphs.map(([, { dimension }]) => dimension);
  if (first !== undefined && others.every((dimension) => dimension === first)) return first;
  throw new FreebindError(
    'FREEBIND_FILE_INVALID',
    `The graphs of "${models.space}" (${variant}) give ${graphs.map(([path, { dimension }]) => `${path} ${dimension}`).join(', ') || 'nothing'} columns, but the modalities of one space have one width. Correct models.json.`,
  );
}
