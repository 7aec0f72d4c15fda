import { describeBackend } from '@freebind/conformance/vitest';
import { MyBackend } from '../src/my-backend.ts';

describeBackend('my backend', () => MyBackend.open({ queues: 4 }));
