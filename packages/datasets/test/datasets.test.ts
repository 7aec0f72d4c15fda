import { mkdirSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isFreebindError } from '@freebind/core';
import { describe, expect, test } from 'vitest';
import { DATASETS, differencesOf, type EvaluationSet, promptsOf, readDataset, type SetSide } from '../src/index.ts';
import { COPIES, layCopy } from './copies.ts';

const textsOf = ({ items }: SetSide): readonly (string | undefined)[] => items.map(({ text }) => text);
const filesOf = ({ items }: SetSide, root: string): readonly string[] =>
  items.map(({ path }) => relative(root, path ?? ''));

async function retrieval(name: string, root: string): Promise<Extract<EvaluationSet, { task: 'retrieval' }>> {
  const set = await readDataset(name, root);
  if (set.task !== 'retrieval') throw new Error(`${name} is for ${set.task}`);
  return set;
}

async function labelled(name: string, root: string): Promise<Exclude<EvaluationSet, { task: 'retrieval' }>> {
  const set = await readDataset(name, root);
  if (set.task === 'retrieval') throw new Error(`${name} is for retrieval`);
  return set;
}

const withoutRoot = (set: EvaluationSet, root: string): string => JSON.stringify(set).replaceAll(root, '');

async function refusal(reading: Promise<unknown>): Promise<{ readonly code: string; readonly message: string }> {
  const error: unknown = await reading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isFreebindError(error)) throw new Error(`expected a FreebindError, got ${String(error)}`);
  return error;
}

describe('captions and what they are of', () => {
  test('AudioCaps groups captions by clip, and finds clips under the names that downloaders give them', async () => {
    const root = layCopy('audiocaps');
    const { queries, gallery, pairs, missing } = await retrieval('audiocaps', root);
    expect(filesOf(gallery, root)).toEqual(['audio/7fmOlUlwoNg_20.wav', 'audio/Y6BJ455B1aAs.flac']);
    expect(textsOf(queries)).toEqual([
      'Constant rattling noise and sharp vibrations',
      'Food is frying, and a woman talks',
      'A rocket flies by followed by a loud explosion',
    ]);
    expect(pairs).toEqual([
      [0, 0],
      [1, 0],
      [2, 1],
    ]);
    expect(missing).toEqual([]);
  });

  test('Clotho has five captions a clip', async () => {
    const root = layCopy('clotho');
    const { queries, gallery, pairs } = await retrieval('clotho', root);
    expect(filesOf(gallery, root)).toEqual(['evaluation/Santa Motor.wav', 'evaluation/Radio Garble.wav']);
    expect(textsOf(queries)[1]).toBe('A machine, whining');
    expect(pairs).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((caption) => [caption, Math.floor(caption / 5)]));
  });

  test("COCO takes the images of Karpathy's test split", async () => {
    const root = layCopy('coco');
    const { queries, gallery } = await retrieval('coco', root);
    expect(filesOf(gallery, root)).toEqual(['val2014/COCO_val2014_000000391895.jpg']);
    expect(queries.items.map(({ id }) => id)).toEqual(['770337', '771687']);
  });

  test("COCO's own caption files are read too, and named as a difference", async () => {
    const root = layCopy('coco', {
      'dataset_coco.json': undefined,
      'annotations/captions_val2017.json': JSON.stringify({
        images: [{ id: 391895, file_name: 'COCO_val2014_000000391895.jpg', license: 3 }],
        annotations: [{ id: 5, image_id: 391895, caption: 'A man.' }],
      }),
    });
    const set = await retrieval('coco', root);
    expect(textsOf(set.queries)).toEqual(['A man.']);
    expect(set.differences).toEqual([expect.stringContaining('captions_val2017.json')]);
  });

  test('Flickr30K is read from lines with lists in JSON, or from Karpathy’s file', async () => {
    const root = layCopy('flickr30k');
    const { queries, gallery } = await retrieval('flickr30k', root);
    expect(filesOf(gallery, root)).toEqual(['flickr30k-images/1007129816.jpg']);
    expect(textsOf(queries)).toEqual(['The man, in a hat.', 'A man with "pierced" ears.']);
    const karpathy = {
      images: [{ filename: '1007129816.jpg', split: 'test', sentences: [{ raw: 'A man.', sentid: 10 }] }],
    };
    const other = layCopy('flickr30k', { 'dataset_flickr30k.json': JSON.stringify(karpathy) });
    expect(textsOf((await retrieval('flickr30k', other)).queries)).toEqual(['A man.']);
  });
});

describe('sounds and frames', () => {
  test.each(['vggss', 'flickrnet'])('of %s belong together by name', async (name) => {
    const root = layCopy(name);
    const { queries, gallery, pairs } = await retrieval(name, root);
    expect([queries.modality, gallery.modality]).toEqual(['audio', 'image']);
    expect(queries.items.map(({ id }) => id)).toEqual(gallery.items.map(({ id }) => id));
    expect(filesOf(queries, root)[1]).toMatch(/^audio\/.*\.wav$/);
    expect(filesOf(gallery, root)[1]).toMatch(/^frames\/.*\.jpg$/);
    expect(pairs).toEqual([
      [0, 0],
      [1, 1],
    ]);
  });

  test('a pair without its frame is missing', async () => {
    const root = layCopy('vggss', { 'frames/zpWuikVorYg_000032.jpg': undefined });
    const set = await retrieval('vggss', root);
    expect(set.missing).toEqual(['zpWuikVorYg_000032']);
    expect(set.queries.items.map(({ id }) => id)).toEqual(['gEvCUcZ6w88_000030']);
  });

  test('FlickrNet is also read from a list of ids', async () => {
    const root = layCopy('flickrnet', {
      'Annotations/10000130166.xml': undefined,
      'Annotations/10007936344.xml': undefined,
      'metadata/flickr_test.csv': '10000130166,202\n10007936344,0\n',
    });
    const set = await retrieval('flickrnet', root);
    expect(set.queries.items).toHaveLength(2);
    expect(set.differences).toEqual([expect.stringContaining('metadata/flickr_test.csv')]);
  });
});

describe('classes', () => {
  test('of ESC-50 are numbered without gaps and read as words', async () => {
    const set = await labelled('esc50', layCopy('esc50'));
    expect(set.classes).toEqual(['dog', 'chirping birds', 'vacuum cleaner']);
    expect(set.labels).toEqual([0, 1, 2]);
    const { side, classOf } = promptsOf(set);
    expect(textsOf(side)).toEqual(set.classes.map((name) => `This is a sound of ${name}`));
    expect(classOf).toEqual([0, 1, 2]);
  });

  test('of AudioSet are several a clip', async () => {
    const root = layCopy('audioset');
    const set = await labelled('audioset', root);
    expect(set.classes).toEqual(['Domestic animals, pets', 'Squeak', 'Hammer']);
    expect(set.labels).toEqual([[0, 1], [2]]);
    expect(filesOf(set.media, root)).toEqual(['audio/Y--4gqARaEJE.wav', 'audio/--BfvyPmVMo_20_30.flac']);
  });

  test('of ImageNet are by folder, with 80 prompts each', async () => {
    const root = layCopy('imagenet');
    const set = await labelled('imagenet', root);
    expect(set.classes).toEqual(['tench', 'goldfish']);
    expect(set.labels).toEqual([0, 1, 1]);
    expect(new Set(set.templates).size).toBe(80);
    expect(new Set(promptsOf(set).side.items.map(({ id }) => id)).size).toBe(160);
    expect(set.differences[0]).toContain('classnames.txt');
  });

  test('of ImageNet count a picture once that two folders have', async () => {
    const root = layCopy('imagenet');
    mkdirSync(join(root, 'ILSVRC/Data/CLS-LOC'), { recursive: true });
    symlinkSync(join(root, 'val'), join(root, 'ILSVRC/Data/CLS-LOC/val'));
    expect((await labelled('imagenet', root)).labels).toEqual([0, 1, 1]);
  });

  test('of ImageNet are read from Kaggle’s list where pictures lie together, with names of their own', async () => {
    const root = layCopy('imagenet', {
      'val/n01440764/ILSVRC2012_val_00000293.JPEG': undefined,
      'val/n01443537/ILSVRC2012_val_00000236.JPEG': undefined,
      'val/n01443537/ILSVRC2012_val_00000262.JPEG': undefined,
      'val/ILSVRC2012_val_00000293.JPEG': '',
      'LOC_val_solution.csv': 'ImageId,PredictionString\nILSVRC2012_val_00000293,n01440764 108 13 376 349 \n',
      'classnames.txt': 'tench fish\ngold fish\n',
    });
    const set = await labelled('imagenet', root);
    expect(set.labels).toEqual([0]);
    expect(set.classes).toEqual(['tench fish', 'gold fish']);
    expect(set.differences.join()).not.toContain('WordNet');
  });
});

describe('a copy that is not whole', () => {
  test.each(Object.keys(COPIES))('%s without annotations says which file belongs where', async (name) => {
    const { code, message } = await refusal(readDataset(name, layCopy('nothing')));
    expect(code).toBe('FREEBIND_FILE_MISSING');
    expect(message).toContain(
      `What belongs where: ${Object.values(DATASETS)[Object.keys(DATASETS).indexOf(name)]?.layout}`,
    );
  });

  test('without media says where they belong; with none of them, which are missing', async () => {
    const bare = layCopy('clotho', {
      'evaluation/Santa Motor.wav': undefined,
      'evaluation/Radio Garble.wav': undefined,
    });
    expect((await refusal(readDataset('clotho', bare))).message).toMatch(
      /no folder of audio files of Clotho.*evaluation/,
    );
    const others = layCopy('clotho', {
      'evaluation/Santa Motor.wav': undefined,
      'evaluation/Radio Garble.wav': undefined,
      'evaluation/other.wav': '',
    });
    const { code, message } = await refusal(readDataset('clotho', others));
    expect(code).toBe('FREEBIND_FILE_MISSING');
    expect(message).toContain('None of the 2 files');
    expect(message).toContain('Santa Motor.wav, Radio Garble.wav');
  });

  test('does not give two clips of one video the same file', async () => {
    const header = 'audiocap_id,youtube_id,start_time,caption';
    const captions = layCopy('nothing', {
      'test.csv': `${header}\n1,vid,10,a\n2,vid,200,b\n3,other,0,c\n4,other,0,d\n`,
      'audio/vid.wav': '',
      'audio/vid_200.wav': '',
      'audio/other.wav': '',
    });
    const set = await retrieval('audiocaps', captions);
    expect(set.missing).toEqual(['vid_10']);
    expect(filesOf(set.gallery, captions)).toEqual(['audio/vid_200.wav', 'audio/other.wav']);
    const tags = layCopy('audioset', {
      'eval_segments.csv': 'vid, 0.000, 10.000, "/m/03l9g"\nvid, 20.000, 30.000, "/m/068hy"\n',
      'audio/Yvid.wav': '',
      'audio/vid_20_30.wav': '',
    });
    const tagged = await labelled('audioset', tags);
    expect(tagged.missing).toEqual(['vid_0']);
    expect(filesOf(tagged.media, tags)).toEqual(['audio/vid_20_30.wav']);
  });

  test.each<readonly [string, readonly string[]]>([
    ['flickrnet', ['Annotations/._10000130166.xml', 'audio/._10000130166.wav', 'frames/._10000130166.jpg']],
    ['imagenet', ['val/n01443537/._ILSVRC2012_val_00000236.JPEG', 'val/.n01440764/a.JPEG']],
  ])('%s has nothing of the hidden files of macOS', async (name, hidden) => {
    const root = layCopy(name, Object.fromEntries(hidden.map((path) => [path, ''])));
    expect(JSON.stringify(await readDataset(name, root))).not.toMatch(/\/\.|"\./);
  });

  test('finds names whose accents the disk takes apart', async () => {
    const header = 'file_name,caption_1,caption_2,caption_3,caption_4,caption_5';
    const root = layCopy('nothing', {
      'clotho_captions_evaluation.csv': `${header}\nCaf\u00e9.wav,a,b,c,d,e\n`,
      'evaluation/Cafe\u0301.wav': '',
    });
    const set = await retrieval('clotho', root);
    expect(set.missing).toEqual([]);
    expect(filesOf(set.gallery, root)).toEqual(['evaluation/Cafe\u0301.wav']);
  });

  test('lists what is missing, and leaves captions of it out', async () => {
    const set = await retrieval('audiocaps', layCopy('audiocaps', { 'audio/7fmOlUlwoNg_20.wav': undefined }));
    expect(set.missing).toEqual(['7fmOlUlwoNg_20']);
    expect(set.queries.items).toHaveLength(1);
    expect(set.pairs).toEqual([[0, 0]]);
    expect(differencesOf(set, 3)).toEqual([
      "the annotations name 2 items, AudioCaps's own split 975",
      '1 of 2 items are missing',
      '3 items could not be read',
    ]);
  });
});

describe('a mark of byte order', () => {
  test.each<readonly [string, string]>([
    ['clotho', 'clotho_captions_evaluation.csv'],
    ['vggss', 'vggss.json'],
    ['imagenet', 'LOC_synset_mapping.txt'],
  ])('of %s is no part of its %s', async (name, path) => {
    const marked = layCopy(name, { [path]: `\uFEFF${COPIES[name]?.[path]}` });
    const plain = layCopy(name);
    expect(withoutRoot(await readDataset(name, marked), marked)).toBe(
      withoutRoot(await readDataset(name, plain), plain),
    );
  });

  test('is no part of a class of ImageNet', async () => {
    const set = await labelled('imagenet', layCopy('imagenet', { 'classnames.txt': '\uFEFFtench fish\ngold fish\n' }));
    expect(set.classes).toEqual(['tench fish', 'gold fish']);
  });
});

describe('annotations that are not what they should be', () => {
  const UTF16 = Buffer.from('\ufefffile_name\n', 'utf16le');
  const LATIN1 = Buffer.from('file_name\nCaf\u00e9.wav\n', 'latin1');
  test.each<readonly [string, string, Readonly<Record<string, string | Uint8Array>>, RegExp]>([
    [
      'audiocaps',
      'wrong columns',
      { 'test.csv': 'id,caption\n1,a\n' },
      /no column audiocap_id, youtube_id, start_time; its columns are id, caption/,
    ],
    [
      'audiocaps',
      'a line cut short',
      { 'test.csv': 'audiocap_id,youtube_id,start_time,caption\n1,a\n' },
      /Invalid Record Length/,
    ],
    [
      'audiocaps',
      'only a header',
      { 'test.csv': 'audiocap_id,youtube_id,start_time,caption\n' },
      /a header and no lines/,
    ],
    [
      'audiocaps',
      'an id twice',
      { 'test.csv': 'audiocap_id,youtube_id,start_time,caption\n1,a,0,x\n1,b,0,y\n' },
      /Captions 1 stand in it twice/,
    ],
    [
      'clotho',
      'an empty caption',
      {
        'clotho_captions_evaluation.csv':
          'file_name,caption_1,caption_2,caption_3,caption_4,caption_5\nSanta Motor.wav,a,b, ,d,e\n',
      },
      /Santa Motor.wav has a caption without words/,
    ],
    ['vggss', 'another JSON', { 'vggss.json': '{"files": []}' }, /expected array/],
    ['vggss', 'no JSON', { 'vggss.json': '[' }, /is not JSON/],
    ['vggss', 'a file twice', { 'vggss.json': '[{"file":"a"},{"file":"a"}]' }, /Pairs a stand in it twice/],
    [
      'coco',
      'no test split',
      { 'dataset_coco.json': '{"images":[{"filename":"a.jpg","split":"val","sentences":[]}]}' },
      /no images of the split "test"; its splits are val/,
    ],
    [
      'flickr30k',
      'captions numbered anew for each picture',
      {
        'dataset_flickr30k.json': JSON.stringify({
          images: ['1.jpg', '2.jpg'].map((filename) => ({
            filename,
            split: 'test',
            sentences: [{ raw: `What ${filename} shows.`, sentid: 0 }],
          })),
        }),
      },
      /Captions 0 stand in it twice\. Give every caption an id of its own/,
    ],
    [
      'flickr30k',
      'lists that are none',
      { 'flickr_annotations_30k.csv': 'raw,sentids,split,filename\nhello,"[0]",test,1.jpg\n' },
      /captions or their ids of 1.jpg are no JSON list: hello/,
    ],
    [
      'esc50',
      'a class with two names',
      { 'meta/esc50.csv': 'filename,target,category\na.wav,0,dog\nb.wav,0,cat\n' },
      /b.wav is of class "0", "cat"/,
    ],
    [
      'audioset',
      'a class that is not listed',
      { 'eval_segments.csv': 'a, 0.000, 10.000, "/m/nothing"\n' },
      /class \/m\/nothing, which .*class_labels_indices.csv does not list/,
    ],
    ['audioset', 'lines of another kind', { 'eval_segments.csv': 'a, b\n' }, /a line reads a, b, expected YTID/],
    [
      'imagenet',
      'a mapping of another kind',
      { 'LOC_synset_mapping.txt': 'tench\n' },
      /a line reads tench, expected a synset/,
    ],
    ['clotho', 'letters of Latin-1', { 'clotho_captions_evaluation.csv': LATIN1 }, /is not UTF-8 text.*-f latin1/],
    ['clotho', 'UTF-16, as Excel has it', { 'clotho_captions_evaluation.csv': UTF16 }, /is not UTF-8 text.*-f utf-16/],
    ['vggss', 'letters of Latin-1', { 'vggss.json': LATIN1 }, /is not UTF-8 text/],
    ['imagenet', 'too few names', { 'classnames.txt': 'tench\n' }, /has 1 names for 2 synsets/],
  ])('%s with %s', async (name, _, changes, words) => {
    const { code, message } = await refusal(readDataset(name, layCopy(name, changes)));
    expect(code).toBe('FREEBIND_FILE_INVALID');
    expect(message).toMatch(words);
  });

  test('a set that nobody knows is named with those there are', async () => {
    const { code, message } = await refusal(readDataset('audiocap', '.'));
    expect(code).toBe('FREEBIND_ARGUMENT_INVALID');
    expect(message).toContain('audiocaps, clotho');
  });
});
