export { buffersIn } from './buffers-in.js';
export { builtModule } from './built-module.ts';
export { openWorker } from './open-worker.ts';
export { type CallOptions, ThreadPool, type ThreadPoolOptions } from './thread-pool.ts';
