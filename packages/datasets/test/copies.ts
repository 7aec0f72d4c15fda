import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Miniature copies in the real formats: each file's columns, quotes and oddities are those of the published one. */
export const COPIES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // github.com/cdjkim/audiocaps, dataset/test.csv; the first clip has two captions, one with a comma in quotes.
  audiocaps: {
    'test.csv': `audiocap_id,youtube_id,start_time,caption
103549,7fmOlUlwoNg,20,Constant rattling noise and sharp vibrations
103548,6BJ455B1aAs,0,A rocket flies by followed by a loud explosion
103542,7fmOlUlwoNg,20,"Food is frying, and a woman talks"
`,
    'audio/7fmOlUlwoNg_20.wav': '',
    'audio/Y6BJ455B1aAs.flac': '',
  },
  // zenodo.org/records/4783391, clotho_captions_evaluation.csv.
  clotho: {
    'clotho_captions_evaluation.csv': `file_name,caption_1,caption_2,caption_3,caption_4,caption_5
Santa Motor.wav,A machine whines,"A machine, whining",An engine runs,A saw hums,Something whirs
Radio Garble.wav,A radio dispatcher,Static,A man talks,Noise on a radio,Radio noise
`,
    'evaluation/Santa Motor.wav': '',
    'evaluation/Radio Garble.wav': '',
  },
  // github.com/hche11/Localizing-Visual-Sounds-the-Hard-Way, metadata/vggss.json.
  vggss: {
    'vggss.json': JSON.stringify([
      { file: 'zpWuikVorYg_000032', class: 'elk bugling', bbox: [[0.4, 0.25, 0.6, 0.75]] },
      { file: 'gEvCUcZ6w88_000030', class: 'female speech, woman speaking', bbox: [[0.45, 0.19, 0.58, 0.47]] },
    ]),
    'audio/zpWuikVorYg_000032.wav': '',
    'audio/gEvCUcZ6w88_000030.wav': '',
    'frames/zpWuikVorYg_000032.jpg': '',
    'frames/gEvCUcZ6w88_000030.jpg': '',
  },
  // github.com/ardasnck/learning_to_localize_sound_source: one XML a pair, whose boxes are not read.
  flickrnet: {
    'Annotations/10000130166.xml': '<annotation><bbox><xmin>3</xmin></bbox></annotation>',
    'Annotations/10007936344.xml': '<annotation><bbox><xmin>7</xmin></bbox></annotation>',
    'audio/10000130166.wav': '',
    'audio/10007936344.wav': '',
    'frames/10000130166.jpg': '',
    'frames/10007936344.jpg': '',
  },
  // Karpathy's dataset_coco.json.
  coco: {
    'dataset_coco.json': JSON.stringify({
      dataset: 'coco',
      images: [
        {
          filepath: 'val2014',
          sentids: [770337, 771687],
          filename: 'COCO_val2014_000000391895.jpg',
          imgid: 0,
          split: 'test',
          sentences: [
            { tokens: ['a', 'man'], raw: 'A man with a red helmet.', imgid: 0, sentid: 770337 },
            { tokens: ['man'], raw: 'Man riding a motor bike.', imgid: 0, sentid: 771687 },
          ],
          cocoid: 391895,
        },
        {
          filepath: 'train2014',
          sentids: [787980],
          filename: 'COCO_train2014_000000057870.jpg',
          imgid: 1,
          split: 'train',
          sentences: [{ tokens: ['a'], raw: 'A restaurant.', imgid: 1, sentid: 787980 }],
          cocoid: 57870,
        },
      ],
    }),
    'val2014/COCO_val2014_000000391895.jpg': '',
  },
  // huggingface.co/datasets/nlphuji/flickr30k, flickr_annotations_30k.csv: lists as JSON in quotes.
  flickr30k: {
    'flickr_annotations_30k.csv': `raw,sentids,split,filename,img_id
"[""Two young guys with shaggy hair."", ""Two young, White males are outside.""]","[0, 1]",train,1000092795.jpg,0
"[""The man, in a hat."", ""A man with \\""pierced\\"" ears.""]","[10, 11]",test,1007129816.jpg,2
`,
    'flickr30k-images/1007129816.jpg': '',
  },
  // github.com/karolpiczak/ESC-50, meta/esc50.csv.
  esc50: {
    'meta/esc50.csv': `filename,fold,target,category,esc10,src_file,take
1-100032-A-0.wav,1,0,dog,True,100032,A
1-100038-A-14.wav,1,14,chirping_birds,False,100038,A
1-100210-A-36.wav,1,36,vacuum_cleaner,False,100210,A
`,
    'audio/1-100032-A-0.wav': '',
    'audio/1-100038-A-14.wav': '',
    'audio/1-100210-A-36.wav': '',
  },
  // research.google.com/audioset/download.html: comments, spaces after commas, ids that begin with a dash.
  audioset: {
    'eval_segments.csv': `# Segments csv created Sun Mar  5 10:54:25 2017
# num_ytids=20383, num_segs=20383, num_unique_labels=527, num_positive_labels=53401
# YTID, start_seconds, end_seconds, positive_labels
--4gqARaEJE, 0.000, 10.000, "/m/068hy,/m/07q6cd_"
--BfvyPmVMo, 20.000, 30.000, "/m/03l9g"
`,
    'class_labels_indices.csv': `index,mid,display_name
0,/m/068hy,"Domestic animals, pets"
1,/m/07q6cd_,"Squeak"
2,/m/03l9g,"Hammer"
`,
    'audio/Y--4gqARaEJE.wav': '',
    'audio/--BfvyPmVMo_20_30.flac': '',
  },
  // kaggle.com/c/imagenet-object-localization-challenge.
  imagenet: {
    'LOC_synset_mapping.txt': 'n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius auratus\n',
    'val/n01440764/ILSVRC2012_val_00000293.JPEG': '',
    'val/n01443537/ILSVRC2012_val_00000236.JPEG': '',
    'val/n01443537/ILSVRC2012_val_00000262.JPEG': '',
  },
};

/** Lays a copy of a set, with files changed, added or (undefined) left out. */
export function layCopy(name: string, changes: Readonly<Record<string, string | Uint8Array | undefined>> = {}): string {
  const root = mkdtempSync(join(tmpdir(), 'freebind-datasets-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, content] of Object.entries({ ...COPIES[name], ...changes })) {
    if (content === undefined) continue;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}
