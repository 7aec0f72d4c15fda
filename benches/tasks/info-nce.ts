import { type Layer, initialise, random, tableOf } from '@freebind/core';
import type { BackendTask } from '../task.ts';
import { unitRowsOf } from './inputs.ts';

/** In-batch InfoNCE with its gradients to both sides: networks of no products, so that nothing else takes time. */
export const infoNce: BackendTask<{ batch: number; width: number }> = {
  name: 'info-nce',
  sizes: [
    { batch: 4096, width: 512 },
    { batch: 1024, width: 512 },
    { batch: 256, width: 128 },
  ],
  // Logits, and a gradient of each side.
  operations: ({ batch, width }) => 6 * batch ** 2 * width,
  describe: ({ batch, width }) => `InfoNCE of ${batch} × ${width} with both gradients`,
  async open(backend, { batch, width }) {
    const layers: readonly Layer[] = [
      { kind: 'batch-norm', name: '0', size: width, epsilon: 1e-5, momentum: 0.1 },
      { kind: 'normalise' },
    ];
    const trainer = await backend.openTrainer({
      networks: {
        x: initialise(layers, random('bench', 'x'), 'xavier'),
        y: initialise(layers, random('bench', 'y'), 'xavier'),
      },
      tables: { x: tableOf(unitRowsOf(batch, width, 'x')), y: tableOf(unitRowsOf(batch, width, 'y')) },
      objective: {
        pairs: [{ left: { table: 'x', network: 'x' }, right: { table: 'y', network: 'y' } }],
        temperature: { initial: 0.02 },
      },
      optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
      batch,
    });
    const rows = Int32Array.from({ length: batch }, (_, row) => row);
    return {
      run: async (progress) => void (await trainer.step({ rows, learningRate: 1e-3, progress })),
      close: () => trainer.close(),
    };
  },
};
