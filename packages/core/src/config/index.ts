export { backendCandidates, type CandidateOptions, probeMemory } from './backend-candidates.ts';
export { checkOptions } from './check-options.ts';
export { type Config, defineConfig, type LoadedConfig } from './config.ts';
export type { FuseSection } from './fuse-section.ts';
export { findPlugins, type FoundPlugin, OWN_BACKENDS } from './installed-plugins.ts';
export { findConfig, loadConfig, type LoadConfigOptions } from './load-config.ts';
export { inspectPlugin, loadPlugin, type PluginChoice } from './plugins.ts';
export type { TrainSection } from './train-section.ts';
export type { RowsChoice } from './values.ts';
