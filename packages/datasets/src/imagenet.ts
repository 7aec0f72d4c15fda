import { join } from 'node:path';
import { readCsv, refuseDuplicates } from './annotations.ts';
import { classificationSet, type Labelled } from './classification.ts';
import type { DatasetReader } from './datasets.ts';
import { type LocalCopy, MediaIndex, namesIn, readText } from './local-copy.ts';
import { IMAGE_TEMPLATES } from './prompts.ts';

/** Where the validation pictures lie: alone, or as Kaggle packs them. */
const FOLDERS = ['val', 'ILSVRC/Data/CLS-LOC/val', 'validation'];

/**
 * ImageNet's validation pictures (Russakovsky et al., IJCV 2015): a folder a synset, or all in one with `LOC_val_solution.csv`,
 * and `LOC_synset_mapping.txt` (kaggle.com/c/imagenet-object-localization-challenge), "n01440764 tench, Tinca tinca". A file
 * `classnames.txt`, one a line in the mapping's order, takes the place of the mapping's first names.
 */
export const readImagenet: DatasetReader = async (copy, { annotations }) => {
  const mapping = await copy.annotations(...(annotations ?? ['LOC_synset_mapping.txt', 'synset_words.txt']));
  const lines = (await readText(mapping)).split(/\r?\n/).filter((line) => line.trim() !== '');
  const synsets = lines.map((line) => {
    const [, synset, name] = /^(n\d{8})\s+([^,]+)/.exec(line) ?? [];
    if (synset === undefined || name === undefined)
      throw copy.wrong(
        mapping,
        `a line reads ${line.slice(0, 60)}, expected a synset and its names, "n01440764 tench, Tinca tinca".`,
      );
    return { synset, name: name.trim() };
  });
  refuseDuplicates(
    copy,
    mapping,
    'Synsets',
    synsets.map(({ synset }) => synset),
  );
  const numbers = new Map(synsets.map(({ synset }, number) => [synset, number]));
  const own = (await copy.has('classnames.txt'))
    ? (await readText(join(copy.root, 'classnames.txt'))).split(/\r?\n/).filter((line) => line.trim() !== '')
    : undefined;
  if (own !== undefined && own.length !== synsets.length)
    throw copy.wrong(join(copy.root, 'classnames.txt'), `it has ${own.length} names for ${synsets.length} synsets.`);
  const media = new MediaIndex('image');
  const items = await pictures(copy, numbers, media);
  const differences =
    own === undefined
      ? [
          "classes have WordNet's first names; the papers' prompts have names made for them, one a line in classnames.txt",
        ]
      : [];
  if (synsets.length !== 1000) differences.push(`${mapping} lists ${synsets.length} classes, not ImageNet's 1,000`);
  return classificationSet('imagenet', copy, {
    modality: 'image',
    items,
    media,
    classes: own ?? synsets.map(({ name }) => name),
    templates: IMAGE_TEMPLATES,
    differences,
  });
};

/** The pictures with their classes; their files are put into `media`. */
async function pictures(
  copy: LocalCopy,
  numbers: ReadonlyMap<string, number>,
  media: MediaIndex,
): Promise<readonly Labelled[]> {
  if (await copy.has('LOC_val_solution.csv')) {
    const path = join(copy.root, 'LOC_val_solution.csv');
    const lines = await readCsv(copy, path, ['ImageId', 'PredictionString']);
    refuseDuplicates(
      copy,
      path,
      'Pictures',
      lines.map(({ ImageId }) => ImageId),
    );
    const items = lines.map(({ ImageId: id, PredictionString: boxes }): Labelled => {
      const [synset = ''] = boxes.split(' ');
      const number = numbers.get(synset);
      if (number === undefined)
        throw copy.wrong(path, `${id} is of synset "${synset}", which the mapping does not list.`);
      return { id, names: [id], classes: [number] };
    });
    for (const folder of FOLDERS) await addFolder(join(copy.root, folder), media, numbers);
    return items;
  }
  const items: Labelled[] = [];
  for (const folder of FOLDERS) {
    // One folder may be a link to another.
    if (items.length > 0) break;
    for (const synset of (await namesIn(join(copy.root, folder))) ?? []) {
      const number = numbers.get(synset);
      if (number === undefined) continue;
      for (const name of (await namesIn(join(copy.root, folder, synset))) ?? []) {
        const id = `${synset}/${name}`;
        media.add(id, join(copy.root, folder, synset, name));
        if (media.find(id) !== undefined) items.push({ id, names: [id], classes: [number] });
      }
    }
  }
  copy.refuseEmpty(
    items.length,
    [...numbers.keys()].map((synset) => `val/${synset}/*.JPEG`),
  );
  return items;
}

/** The pictures of a folder, and of the folders of synsets in it. */
async function addFolder(folder: string, media: MediaIndex, numbers: ReadonlyMap<string, number>): Promise<void> {
  for (const name of (await namesIn(folder)) ?? []) {
    media.add(name, join(folder, name));
    if (!numbers.has(name)) continue;
    for (const inner of (await namesIn(join(folder, name))) ?? []) media.add(inner, join(folder, name, inner));
  }
}
