export { type Checkpoint, type CheckpointValue, readCheckpoint } from './checkpoint.ts';
export type { DType } from './dtype.ts';
export { importProjector } from './import-projector.ts';
export { type ImportedBond, importVariant } from './import-variant.ts';
export { PUBLISHED_BONDS, PUBLISHED_HEADS, type PublishedBond, publishedBonds } from './published.ts';
export { StoredTensor } from './stored-tensor.ts';
