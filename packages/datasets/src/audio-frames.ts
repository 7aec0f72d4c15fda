import { basename, extname, relative } from 'node:path';
import { z } from 'zod';
import { readCsvLines, readJson, refuseDuplicates } from './annotations.ts';
import type { DatasetName, DatasetReader } from './datasets.ts';
import type { RetrievalSet, SetItem } from './evaluation-set.ts';
import { type LocalCopy, namesIn } from './local-copy.ts';

/** VGG-SS (Chen et al., CVPR 2021): `metadata/vggss.json` of github.com/hche11/Localizing-Visual-Sounds-the-Hard-Way. */
export const readVggss: DatasetReader = async (copy, { annotations }) => {
  const path = await copy.annotations(...(annotations ?? ['vggss.json', 'metadata/vggss.json']));
  const entries = await readJson(copy, path, z.array(z.object({ file: z.string().min(1) })).min(1));
  return pairedSet(
    'vggss',
    copy,
    path,
    entries.map(({ file }) => file),
  );
};

/**
 * The annotated pairs of Flickr-SoundNet (Senocak et al., CVPR 2018), "FlickrNet" in FreeBind: one `Annotations/ID.xml` a pair,
 * of github.com/ardasnck/learning_to_localize_sound_source. Their boxes are not read. A list of ids does as well, in the first
 * column of a CSV without header, such as `metadata/flickr_test.csv` of VGG-SS's repository.
 */
export const readFlickrnet: DatasetReader = async (copy, { annotations }) => {
  const folder = await namesIn(`${copy.root}/Annotations`);
  const xml = (folder ?? []).filter((name) => extname(name).toLowerCase() === '.xml');
  if (annotations === undefined && xml.length > 0)
    return pairedSet(
      'flickrnet',
      copy,
      `${copy.root}/Annotations`,
      xml.map((name) => basename(name, extname(name))),
    );
  const lists = annotations ?? ['flickr_test.csv', 'metadata/flickr_test.csv'];
  const path = await copy.annotations(...lists);
  const lines = await readCsvLines(copy, path);
  const difference = `${relative(copy.root, path)} names the pairs, not the folder Annotations`;
  return pairedSet(
    'flickrnet',
    copy,
    path,
    lines.map(([id = '']) => id),
    [difference],
  );
};

/** A sound and the video's frame of the same name: row i belongs to row i. */
async function pairedSet(
  dataset: DatasetName,
  copy: LocalCopy,
  path: string,
  ids: readonly string[],
  differences: readonly string[] = [],
): Promise<RetrievalSet> {
  refuseDuplicates(copy, path, 'Pairs', ids);
  const sounds = await copy.media('audio', 'audio');
  const frames = await copy.media('image', 'frames', 'images');
  const [queries, gallery]: [SetItem[], SetItem[]] = [[], []];
  const missing: string[] = [];
  for (const id of ids) {
    const [sound, frame] = [sounds.find(id), frames.find(id)];
    if (sound === undefined || frame === undefined) {
      missing.push(id);
      continue;
    }
    queries.push({ id, path: sound });
    gallery.push({ id, path: frame });
  }
  copy.refuseEmpty(queries.length, missing);
  return {
    dataset,
    task: 'retrieval',
    annotated: ids.length,
    missing,
    differences,
    queries: { modality: 'audio', items: queries },
    gallery: { modality: 'image', items: gallery },
    pairs: queries.map((_, row) => [row, row] as const),
  };
}
