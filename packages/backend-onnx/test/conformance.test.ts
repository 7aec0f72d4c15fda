import { describeBackend } from '@freebind/conformance/vitest';
import { startOnnx } from '../src/index.ts';

describeBackend('onnx, cpu, 2 threads', () => startOnnx({ device: 'cpu', threads: 2 }));
