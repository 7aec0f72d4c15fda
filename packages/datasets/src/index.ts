export {
  type Dataset,
  type DatasetName,
  datasetOf,
  type DatasetReader,
  DATASETS,
  differencesOf,
  readDataset,
  type ReadOptions,
} from './datasets.ts';
export {
  type ClassificationSet,
  type EvaluationSet,
  promptsOf,
  type RetrievalSet,
  type SetItem,
  type SetSide,
  type TaggingSet,
} from './evaluation-set.ts';
export type { LocalCopy } from './local-copy.ts';
export { IMAGE_TEMPLATES, SOUND_TEMPLATES } from './prompts.ts';
export { PUBLISHED_SOURCE, publishedResults, type PublishedResult } from './published.ts';
