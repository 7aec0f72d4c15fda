import { ReferenceBackend } from '@freebind/backend-reference';
import { adapter } from '../src/adapter.ts';
import { initialise, type Network } from '../src/network.ts';
import { normalMatrix, random } from '../src/random.ts';
import { tableOf } from '../src/table.ts';
import type { RunOptions } from '../src/training/run.ts';

/**
 * A run of 24 steps that uses everything a step can depend on: mixup, dropout, a learned temperature, a schedule over steps
 * and epochs, several views. Small enough for milliseconds a step on the reference backend.
 */
export function toyRun(changes: Partial<RunOptions> = {}): RunOptions {
  return {
    stage: 'toy',
    backend: new ReferenceBackend(),
    networks: { image: toyNetwork('image', 8), text: toyNetwork('text', 5) },
    tables: {
      image: tableOf(normalMatrix(96, 8, random('toy', 'image')), 'image.npy'),
      text: tableOf(normalMatrix(96, 5, random('toy', 'text')), 'text.npy'),
    },
    objective: {
      pairs: [{ left: { table: 'image', network: 'image' }, right: { table: 'text', network: 'text' } }],
      temperature: { initial: 0.07, learned: { min: 0.001, max: 0.5 } },
    },
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 },
    rate: { kind: 'warm-up-cosine', floor: 1e-6, peak: 1e-3, warmUpSteps: 2 },
    mixup: { kind: 'cosine', from: 0.5, to: 2 },
    views: 2,
    epochs: 8,
    batch: 16,
    seed: 1,
    ...changes,
  };
}

function toyNetwork(name: string, input: number): Network {
  const layers = adapter({ input, output: 6, blocks: 1, expansion: 2, dropout: 0.3 });
  return initialise(layers, random('toy', 'network', name), 'fan-in');
}
