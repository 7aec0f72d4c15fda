import { describeBackend } from '@freebind/conformance/vitest';
import { ReferenceBackend } from '../src/reference-backend.ts';

describeBackend('reference, float32', () => new ReferenceBackend({ precision: 'float32' }));
describeBackend('reference, float64', () => new ReferenceBackend({ precision: 'float64' }));
