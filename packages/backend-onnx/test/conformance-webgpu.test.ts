import { describeBackend } from '@freebind/conformance/vitest';
import { startOnnx } from '../src/index.ts';

// A file of its own, so that its minute in software runs beside other files.
describeBackend('onnx, webgpu', () => startOnnx({ device: 'webgpu' }));
