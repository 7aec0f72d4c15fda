import { initialise, projector, random, stepOperations, tableOf } from '@freebind/core';
import type { BackendTask } from '../task.ts';
import { draw, unitRowsOf } from './inputs.ts';

/** FreeBind's training step, gather to Adam: one projector, one frozen table. */
export const trainStep: BackendTask<{ batch: number; input: number; hidden: number; output: number }> = {
  name: 'train-step',
  sizes: [
    { batch: 4096, input: 1024, hidden: 2048, output: 768 },
    { batch: 1024, input: 1024, hidden: 2048, output: 768 },
    { batch: 256, input: 512, hidden: 1024, output: 384 },
    { batch: 128, input: 256, hidden: 512, output: 192 },
  ],
  peer: 'pytorch',
  operations: stepOperations,
  describe: ({ batch, input, hidden, output }) => `FreeBind step, batch ${batch}, ${input} → ${hidden} → ${output}`,
  async open(backend, { batch, input, hidden, output }) {
    const items = 2 * batch;
    const trainer = await backend.openTrainer({
      networks: { p: initialise(projector({ input, hidden, output }), random('bench'), 'xavier') },
      tables: {
        source: tableOf(unitRowsOf(items, input, 'source')),
        target: tableOf(unitRowsOf(items, output, 'target')),
      },
      objective: {
        pairs: [{ left: { table: 'source', network: 'p' }, right: { table: 'target' } }],
        temperature: { initial: 0.02 },
      },
      optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
      batch,
    });
    let steps = 0;
    return {
      run: async () => void (await trainer.step({ rows: draw(items, batch, steps++), learningRate: 1e-3 })),
      close: () => trainer.close(),
    };
  },
};
