import { namesByVideo, readCsv, readCsvLines, refuseDuplicates } from './annotations.ts';
import { taggingSet } from './classification.ts';
import type { DatasetReader } from './datasets.ts';
import { SOUND_TEMPLATES } from './prompts.ts';

/**
 * AudioSet (Gemmeke et al., ICASSP 2017): `eval_segments.csv` and `class_labels_indices.csv` of
 * research.google.com/audioset/download.html. The first has three lines of comment, a space after every comma, and a clip's
 * classes in quotes, by the ids that the second gives a number and a name.
 */
export const readAudioset: DatasetReader = async (copy, { annotations }) => {
  const path = await copy.annotations(...(annotations ?? ['eval_segments.csv', 'metadata/eval_segments.csv']));
  const labels = await copy.annotations('class_labels_indices.csv', 'metadata/class_labels_indices.csv');
  const rows = await readCsv(copy, labels, ['index', 'mid', 'display_name']);
  refuseDuplicates(
    copy,
    labels,
    'Classes',
    rows.map(({ mid }) => mid),
  );
  const numbers = new Map(rows.map(({ mid }, number) => [mid, number]));
  const lines = await readCsvLines(copy, path, { comment: '#', ltrim: true });
  const short = lines.find((line) => line.length !== 4);
  if (short !== undefined || lines.length === 0)
    throw copy.wrong(
      path,
      `${short === undefined ? 'it has no lines' : `a line reads ${short.join(', ')}`}, expected YTID, start_seconds, end_seconds, "positive_labels".`,
    );
  refuseDuplicates(
    copy,
    path,
    'Clips',
    lines.map(([video = '', start = '']) => `${video}_${start}`),
  );
  const byVideo = namesByVideo(lines.map(([video = '']) => video));
  const items = lines.map(([video = '', start = '', end = '', marks = '']) => {
    const classes = marks.split(',').map((mid) => {
      const number = numbers.get(mid.trim());
      if (number === undefined)
        throw copy.wrong(path, `${video} carries the class ${mid}, which ${labels} does not list.`);
      return number;
    });
    // Downloaders name clips with their seconds, or by the video, with a Y before it (an id may begin with a dash).
    const [from, to] = [Number(start), Number(end)];
    return {
      id: `${video}_${from}`,
      names: [`${video}_${from}_${to}`, `${video}_${start}_${end}`, ...byVideo(video)],
      classes,
    };
  });
  return taggingSet('audioset', copy, {
    modality: 'audio',
    items,
    media: await copy.media('audio', 'audio', 'eval', 'eval_segments', 'audio/eval'),
    classes: rows.map(({ display_name: name }) => name),
    templates: SOUND_TEMPLATES,
    differences: rows.length === 527 ? [] : [`${labels} lists ${rows.length} classes, not AudioSet's 527`],
  });
};
