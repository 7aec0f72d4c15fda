import { namesByVideo, readCsv } from './annotations.ts';
import { captionSet } from './captions.ts';
import type { DatasetReader } from './datasets.ts';

/** AudioCaps (Kim et al., NAACL 2019): `dataset/test.csv` of github.com/cdjkim/audiocaps, one line a caption, five a clip. */
export const readAudiocaps: DatasetReader = async (copy, { annotations }) => {
  const path = await copy.annotations(...(annotations ?? ['test.csv', 'dataset/test.csv', 'audiocaps_test.csv']));
  const lines = await readCsv(copy, path, ['audiocap_id', 'youtube_id', 'start_time', 'caption']);
  const clips = new Map<string, { readonly video: string; readonly captions: { id: string; text: string }[] }>();
  for (const { audiocap_id: id, youtube_id: video, start_time: start, caption: text } of lines) {
    const clip = clips.get(`${video}_${start}`) ?? { video, captions: [] };
    clip.captions.push({ id, text });
    clips.set(`${video}_${start}`, clip);
  }
  const byVideo = namesByVideo([...clips.values()].map(({ video }) => video));
  const items = [...clips].map(([id, { video, captions }]) => ({ id, names: [id, ...byVideo(video)], captions }));
  const media = await copy.media('audio', 'audio', 'test', 'audio/test');
  return captionSet('audiocaps', copy, { path, modality: 'audio', items, media });
};
