import { describeBackend } from '@freebind/conformance/vitest';
import { startTfjs } from '../src/index.ts';

describeBackend('tfjs, wasm, 2 threads', () => startTfjs({ runtime: 'wasm', threads: 2 }));
describeBackend('tfjs, cpu', () => startTfjs({ runtime: 'cpu' }));
