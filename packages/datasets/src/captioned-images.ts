import { basename } from 'node:path';
import { z } from 'zod';
import { readCsv, readJson, refuseDuplicates } from './annotations.ts';
import { type Captioned, captionSet } from './captions.ts';
import type { DatasetReader } from './datasets.ts';
import type { LocalCopy } from './local-copy.ts';

const id = z.union([z.number(), z.string()]);

/** Karpathy's splits, `dataset_coco.json` and `dataset_flickr30k.json` (cs.stanford.edu/people/karpathy/deepimagesent). */
const karpathy = z.object({
  images: z
    .array(
      z.object({
        filename: z.string().min(1),
        split: z.string(),
        sentences: z.array(z.object({ raw: z.string(), sentid: id })),
      }),
    )
    .min(1),
});

/** COCO's own caption files, `captions_val2017.json` (cocodataset.org/#format-data). */
const captions = z.object({
  images: z.array(z.object({ id, file_name: z.string().min(1) })).min(1),
  annotations: z.array(z.object({ id, image_id: id, caption: z.string() })).min(1),
});

const KARPATHY_COCO = ['dataset_coco.json', 'karpathy/dataset_coco.json', 'annotations/dataset_coco.json'];

/** COCO captions (Chen et al. 2015): Karpathy's 5k test split, or a caption file of COCO. */
export const readCoco: DatasetReader = async (copy, { annotations }) => {
  const own = ['annotations/captions_val2017.json', 'captions_val2017.json', 'annotations/captions_val2014.json'];
  const path = await copy.annotations(...(annotations ?? [...KARPATHY_COCO, ...own]));
  const media = await copy.media('image', 'val2014', 'images/val2014', 'val2017', 'images/val2017', 'images');
  const read = await readJson(
    copy,
    path,
    z.union([karpathy, captions], { error: 'neither a split of Karpathy nor captions of COCO' }),
  );
  if (!('annotations' in read))
    return captionSet('coco', copy, { path, modality: 'image', items: testSplit(copy, path, read), media });
  const differences = [`${basename(path)} was read instead of Karpathy's test split (dataset_coco.json)`];
  return captionSet('coco', copy, {
    path,
    modality: 'image',
    items: ownCaptions(copy, path, read),
    media,
    differences,
  });
};

/** Flickr30K (Young et al., TACL 2014): Karpathy's 1k test split, as JSON or as `flickr_annotations_30k.csv` (huggingface.co/datasets/nlphuji/flickr30k). */
export const readFlickr30k: DatasetReader = async (copy, { annotations }) => {
  const path = await copy.annotations(
    ...(annotations ?? ['dataset_flickr30k.json', 'karpathy/dataset_flickr30k.json', 'flickr_annotations_30k.csv']),
  );
  const media = await copy.media('image', 'flickr30k-images', 'flickr30k_images', 'images');
  const read = path.endsWith('.csv') ? await karpathyCsv(copy, path) : await readJson(copy, path, karpathy);
  return captionSet('flickr30k', copy, { path, modality: 'image', items: testSplit(copy, path, read), media });
};

function testSplit(copy: LocalCopy, path: string, { images }: z.infer<typeof karpathy>): readonly Captioned[] {
  const test = images.filter(({ split }) => split === 'test');
  if (test.length === 0) {
    const splits = [...new Set(images.map(({ split }) => split))];
    throw copy.wrong(path, `it has no images of the split "test"; its splits are ${splits.join(', ')}.`);
  }
  refuseDuplicates(
    copy,
    path,
    'Images',
    test.map(({ filename }) => filename),
  );
  return test.map(({ filename, sentences }) => ({
    id: filename,
    names: [filename],
    captions: sentences.map(({ raw, sentid }) => ({ id: String(sentid), text: raw })),
  }));
}

/** The same split as lines: captions as a JSON list in `raw`, and their ids in `sentids`. */
async function karpathyCsv(copy: LocalCopy, path: string): Promise<z.infer<typeof karpathy>> {
  const lines = await readCsv(copy, path, ['raw', 'sentids', 'split', 'filename']);
  const list = <Each extends z.ZodType>(text: string, each: Each, filename: string): readonly z.infer<Each>[] => {
    try {
      return z.array(each).parse(JSON.parse(text));
    } catch {
      throw copy.wrong(path, `the captions or their ids of ${filename} are no JSON list: ${text.slice(0, 60)}.`);
    }
  };
  const images = lines.map(({ raw, sentids, split, filename }) => {
    const ids = list(sentids, id, filename);
    const sentences = list(raw, z.string(), filename).map((text, i) => ({
      raw: text,
      sentid: ids[i] ?? `${filename}#${i}`,
    }));
    return { filename, split, sentences };
  });
  return { images };
}

function ownCaptions(
  copy: LocalCopy,
  path: string,
  { images, annotations }: z.infer<typeof captions>,
): readonly Captioned[] {
  refuseDuplicates(
    copy,
    path,
    'Images',
    images.map((image) => String(image.id)),
  );
  const byImage = new Map(images.map((image): [string, { id: string; text: string }[]] => [String(image.id), []]));
  for (const { id, image_id: image, caption: text } of annotations) {
    const own = byImage.get(String(image));
    if (own === undefined) throw copy.wrong(path, `caption ${id} is of image ${image}, which it does not list.`);
    own.push({ id: String(id), text });
  }
  return images.map(({ id, file_name: name }) => ({
    id: name,
    names: [name],
    captions: byImage.get(String(id)) ?? [],
  }));
}
