import { FreebindError, type Modality } from '@freebind/core';
import { readAudiocaps } from './audiocaps.ts';
import { readFlickrnet, readVggss } from './audio-frames.ts';
import { readAudioset } from './audioset.ts';
import { readCoco, readFlickr30k } from './captioned-images.ts';
import { readClotho } from './clotho.ts';
import { readEsc50 } from './esc50.ts';
import type { EvaluationSet } from './evaluation-set.ts';
import { readImagenet } from './imagenet.ts';
import { LocalCopy } from './local-copy.ts';

export type DatasetName =
  | 'audiocaps'
  | 'clotho'
  | 'vggss'
  | 'flickrnet'
  | 'coco'
  | 'flickr30k'
  | 'esc50'
  | 'audioset'
  | 'imagenet';

/** How a copy is read. */
export interface ReadOptions {
  /** The annotation file, relative to the root, in place of those that are looked for. */
  readonly annotations?: string;
}

/** Reads a copy. */
export type DatasetReader = (
  copy: LocalCopy,
  options: { readonly annotations?: readonly string[] },
) => Promise<EvaluationSet>;

/** A data set: what it is called, what belongs where in a copy of it, and how large it is. */
export interface Dataset {
  readonly title: string;
  readonly modalities: readonly Modality[];
  /** Which files belong where, relative to the root. */
  readonly layout: string;
  /** Where its annotations are published. */
  readonly source: string;
  /** Clips, pictures or pairs of the split that the papers evaluate, as its authors give it. */
  readonly size: number;
  /** Where that number stands, and what is not known of it. */
  readonly sizeSource: string;
  readonly read: DatasetReader;
}

/** The nine sets that FreeBind (arXiv 2405.04883, section 4) is evaluated on. */
export const DATASETS: Readonly<Record<DatasetName, Dataset>> = {
  audiocaps: {
    title: 'AudioCaps',
    modalities: ['text', 'audio'],
    layout: 'test.csv, and clips as audio/YOUTUBEID_START.wav, or audio/YOUTUBEID.wav of a video with one clip.',
    source: 'https://github.com/cdjkim/audiocaps',
    size: 975,
    sizeSource: 'dataset/test.csv of the repository (d004db3): 4,875 captions of 975 clips',
    read: readAudiocaps,
  },
  clotho: {
    title: 'Clotho',
    modalities: ['text', 'audio'],
    layout: 'clotho_captions_evaluation.csv, and clips as evaluation/FILE_NAME.',
    source: 'https://zenodo.org/records/4783391',
    size: 1045,
    sizeSource:
      'the evaluation split: the 4,981 clips of version 1 less 2,893 of development and 1,043 of test, and unchanged since (Zenodo)',
    read: readClotho,
  },
  vggss: {
    title: 'VGG-SS',
    modalities: ['audio', 'image'],
    layout: 'vggss.json, sounds as audio/FILE.wav and frames as frames/FILE.jpg.',
    source: 'https://github.com/hche11/Localizing-Visual-Sounds-the-Hard-Way',
    size: 5158,
    sizeSource: 'metadata/vggss.json of the repository (8fe8cbb)',
    read: readVggss,
  },
  flickrnet: {
    title: 'FlickrNet (Flickr-SoundNet)',
    modalities: ['audio', 'image'],
    layout: 'Annotations/ID.xml, sounds as audio/ID.wav and frames as frames/ID.jpg.',
    source: 'https://github.com/ardasnck/learning_to_localize_sound_source',
    size: 5000,
    sizeSource: '"5k image-sound pairs" in the README of the repository; the exact number is not verified',
    read: readFlickrnet,
  },
  coco: {
    title: 'COCO captions',
    modalities: ['text', 'image'],
    layout: "dataset_coco.json (Karpathy's splits), and pictures as val2014/COCO_val2014_….jpg.",
    source: 'https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip',
    size: 5000,
    sizeSource:
      'the test split of Karpathy & Fei-Fei (CVPR 2015), as those who use dataset_coco.json count it; the file itself is not verified',
    read: readCoco,
  },
  flickr30k: {
    title: 'Flickr30K',
    modalities: ['text', 'image'],
    layout:
      "dataset_flickr30k.json (Karpathy's splits) or flickr_annotations_30k.csv, and pictures as flickr30k-images/FILENAME.",
    source: 'https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip',
    size: 1000,
    sizeSource:
      'the test split of Karpathy & Fei-Fei (CVPR 2015), as those who use dataset_flickr30k.json count it; the file itself is not verified',
    read: readFlickr30k,
  },
  esc50: {
    title: 'ESC-50',
    modalities: ['text', 'audio'],
    layout: 'meta/esc50.csv, and clips as audio/FILENAME.',
    source: 'https://github.com/karolpiczak/ESC-50',
    size: 2000,
    sizeSource: 'README of the repository: 50 classes of 40 recordings',
    read: readEsc50,
  },
  audioset: {
    title: 'AudioSet',
    modalities: ['text', 'audio'],
    layout:
      'eval_segments.csv and class_labels_indices.csv, and clips as audio/YTID_START_END.wav (or YTID.wav, YYTID.wav of a video with one clip).',
    source: 'https://research.google.com/audioset/download.html',
    size: 20_371,
    sizeSource: 'the head of eval_segments.csv: num_segs=20371, num_unique_labels=527',
    read: readAudioset,
  },
  imagenet: {
    title: 'ImageNet',
    modalities: ['text', 'image'],
    layout:
      'LOC_synset_mapping.txt, pictures as val/SYNSET/NAME.JPEG (or val/NAME.JPEG with LOC_val_solution.csv), and, for names of classes of your own, classnames.txt.',
    source: 'https://www.kaggle.com/c/imagenet-object-localization-challenge/data',
    size: 50_000,
    sizeSource:
      'the validation split of ILSVRC 2012 (Russakovsky et al., IJCV 2015): 50 pictures of each of 1,000 classes',
    read: readImagenet,
  },
};

/** A data set by its name. @throws FREEBIND_ARGUMENT_INVALID naming those there are */
export function datasetOf(name: string): Dataset & { readonly name: DatasetName } {
  const wanted = name.trim().toLowerCase().replaceAll(/[-_ ]/g, '');
  const known = Object.keys(DATASETS).find((each): each is DatasetName => each === wanted);
  if (known !== undefined) return { name: known, ...DATASETS[known] };
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `There is no data set "${name}"; there are ${Object.keys(DATASETS).join(', ')}.`,
  );
}

/**
 * Reads the annotations of a local copy and finds its media; nothing is decoded. Media that are not there are listed in
 * `missing` and left out.
 *
 * @throws FREEBIND_FILE_MISSING when the annotations, the folder of media or all of the media are not there, saying what belongs
 * where; FREEBIND_FILE_INVALID for annotations of another format, with wrong columns or ids that stand for two things
 */
export async function readDataset(name: string, root: string, options: ReadOptions = {}): Promise<EvaluationSet> {
  const { title, layout, read } = datasetOf(name);
  const { annotations } = options;
  return read(new LocalCopy(root, title, layout), annotations === undefined ? {} : { annotations: [annotations] });
}

/**
 * Why figures on a copy cannot be compared with published ones, in words: none where they can. `skipped` are items that were
 * there but could not be embedded.
 */
export function differencesOf(set: EvaluationSet, skipped = 0): readonly string[] {
  const { title, size } = DATASETS[set.dataset];
  const reasons = [...set.differences];
  if (set.annotated !== size) reasons.push(`the annotations name ${set.annotated} items, ${title}'s own split ${size}`);
  if (set.missing.length > 0) reasons.push(`${set.missing.length} of ${set.annotated} items are missing`);
  if (skipped > 0) reasons.push(`${skipped} items could not be read`);
  return reasons;
}
