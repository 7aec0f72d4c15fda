export { quickstart, type QuickstartOptions, REPORT_FILE, RESULT_FILE } from './quickstart.ts';
export type { Direction, DirectionResult, Figure, QuickstartResult, ResultRow, RowKind } from './result.ts';
export type { QuickstartEvent } from './stages.ts';
export { FAST, FULL, type Settings } from './settings.ts';
export { type Concept, openStarter, type Splits, type Starter, starterFolder, type View } from './starter.ts';
