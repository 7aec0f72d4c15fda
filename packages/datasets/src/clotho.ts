import { readCsv, refuseDuplicates } from './annotations.ts';
import { captionSet } from './captions.ts';
import type { DatasetReader } from './datasets.ts';

const COLUMNS = ['caption_1', 'caption_2', 'caption_3', 'caption_4', 'caption_5'] as const;

/** Clotho (Drossos et al., ICASSP 2020): `clotho_captions_evaluation.csv` of zenodo.org/records/4783391, five captions a clip. */
export const readClotho: DatasetReader = async (copy, { annotations }) => {
  const names = annotations ?? ['clotho_captions_evaluation.csv', 'clotho_csv_files/clotho_captions_evaluation.csv'];
  const path = await copy.annotations(...names);
  const lines = await readCsv(copy, path, ['file_name', ...COLUMNS]);
  refuseDuplicates(
    copy,
    path,
    'Clips',
    lines.map((line) => line.file_name),
  );
  const items = lines.map((line) => ({
    id: line.file_name,
    names: [line.file_name],
    captions: COLUMNS.map((column) => ({ id: `${line.file_name}#${column}`, text: line[column] })),
  }));
  const media = await copy.media(
    'audio',
    'evaluation',
    'clotho_audio_evaluation/evaluation',
    'clotho_audio_files/evaluation',
    'audio',
  );
  return captionSet('clotho', copy, { path, modality: 'audio', items, media });
};
