export { type Embedded, embedFiles, type EmbedOptions } from './embed-files.ts';
export type { EmbedEvent, Skipped } from './events.ts';
export type { EmbeddedTable } from './finish.ts';
export { fieldOf, type FieldChoice, filesOf, idOf, listedIn, textsOf } from './inputs.ts';
export type { Item, Items } from './items.ts';
export { mergeShards, type MergeOptions } from './merge-shards.ts';
export { checkAligned, type RowsToWrite, skippedPath } from './neighbours.ts';
export { type TableFiles, tableFiles } from './record.ts';
