import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { homeOf, type ModelPlaces } from './find-model.ts';
import { findInHub } from './hub-cache.ts';
import type { ModelFile } from './model-manifest.ts';
import type { Model } from './model-name.ts';

/** Where a file of a model is, without reading it. */
export interface FileState {
  readonly file: ModelFile;
  /** Where it is, or where it belongs. */
  readonly path: string;
  /** A folder that was named, freebind's own, the cache of Hugging Face's libraries, or nowhere yet. */
  readonly place: 'folder' | 'freebind' | 'hub' | 'missing';
  readonly size?: number;
  /** False when it is not of the size that the manifest says: it is damaged, or another file. */
  readonly sizeFits: boolean;
}

/** Where each file of a model is. Asks the disk for names and sizes only. */
export async function stateOf({ models, variant, files }: Model, places: ModelPlaces = {}): Promise<FileState[]> {
  return Promise.all(
    files.map(async (file): Promise<FileState> => {
      const own = join(places.folder ?? homeOf(models, variant, file, places.env), file.path);
      const hub = places.folder === undefined ? await findInHub(file, places.env) : undefined;
      for (const path of hub === undefined ? [own] : [own, hub]) {
        const stats = await stat(path).catch(() => undefined);
        if (stats?.isFile() !== true) continue;
        const place = path === hub ? 'hub' : places.folder === undefined ? 'freebind' : 'folder';
        return { file, path, place, size: stats.size, sizeFits: file.size === null || file.size === stats.size };
      }
      return { file, path: own, place: 'missing', sizeFits: true };
    }),
  );
}
