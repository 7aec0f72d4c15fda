export { builtModule } from './built-module.ts';
export { type CallOptions, ThreadPool, type ThreadPoolOptions } from './thread-pool.ts';
