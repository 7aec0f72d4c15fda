import { describeSpace } from '@freebind/conformance/vitest';
import { TrigramsSpace } from '../src/trigrams-space.ts';

describeSpace('trigrams', () => new TrigramsSpace());
