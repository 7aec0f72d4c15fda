import { describeBackend } from '@freebind/conformance/vitest';
import { startWebgpu } from '../src/index.ts';

describeBackend('webgpu', () => startWebgpu());
