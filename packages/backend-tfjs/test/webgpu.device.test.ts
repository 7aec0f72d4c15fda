import { describeBackend } from '@freebind/conformance/vitest';
import { startTfjs } from '../src/index.ts';
describeBackend('tfjs webgpu', () => startTfjs({ runtime: 'webgpu' }));
