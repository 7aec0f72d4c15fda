export { backendCases } from './backend/cases.ts';
export { bondCases, type BondUnderTest } from './bond.ts';
export { type ConformanceCase, type ManifestOf, type Outcome, reasonToSkip, runCase } from './case.ts';
export { NotConforming } from './check.ts';
export { memoryStore } from './memory-store.ts';
export { loadPlugin, pluginCases } from './plugin.ts';
export {
  conform,
  type ConformanceReport,
  type ConformanceResult,
  type ConformOptions,
  formatReport,
} from './report.ts';
export { type SpaceSamples, standardSamples } from './space-samples.ts';
export { spaceCases } from './space.ts';
export { storeCases } from './store.ts';
