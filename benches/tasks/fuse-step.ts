import { adapter, initialise, type Network, random, type Table, tableOf } from '@freebind/core';
import type { BackendTask } from '../task.ts';
import { draw, unitRowsOf } from './inputs.ts';

const EXPANSION = 4;

/** FuseMix's training step: two adapters, mixup, learned temperature, AdamW. The first size is the published one. */
export const fuseStep: BackendTask<{ batch: number; image: number; text: number; output: number; blocks: number }> = {
  name: 'fuse-step',
  sizes: [
    { batch: 8192, image: 1536, text: 1024, output: 512, blocks: 4 },
    { batch: 2048, image: 1536, text: 1024, output: 512, blocks: 4 },
    { batch: 1024, image: 384, text: 256, output: 128, blocks: 4 },
    { batch: 256, image: 192, text: 128, output: 64, blocks: 4 },
    { batch: 128, image: 96, text: 64, output: 32, blocks: 4 },
  ],
  peer: 'pytorch',
  // Each weight meets each row, of which mixup leaves half, three times (forward, ∂W, ∂x); the logits and the way back through
  // both sides likewise. A product of numbers is two operations, and half a batch makes that one.
  operations: ({ batch, image, text, output, blocks }) =>
    3 *
    batch *
    ([image, text].reduce((sum, d) => sum + blocks * 2 * EXPANSION * d * d + d * output, 0) + (batch / 2) * output),
  describe: ({ batch, image, text, output, blocks }) =>
    `FuseMix step, batch ${batch} before mixup, ${image}/${text} → ${output}, ${blocks} blocks`,
  async open(backend, { batch, image, text, output, blocks }) {
    const items = 2 * batch;
    const network = (input: number): Network =>
      initialise(adapter({ input, output, blocks, expansion: EXPANSION }), random('bench', input), 'fan-in');
    const table = (cols: number): Table => tableOf(unitRowsOf(items, cols, `${cols} columns`));
    const trainer = await backend.openTrainer({
      networks: { image: network(image), text: network(text) },
      tables: { image: table(image), text: table(text) },
      objective: {
        pairs: [{ left: { table: 'image', network: 'image' }, right: { table: 'text', network: 'text' } }],
        temperature: { initial: 0.07, learned: { min: 0.001, max: 0.5 } },
      },
      optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 },
      batch,
      mixup: true,
    });
    let seed = 0;
    return {
      run: async () => {
        const rows = draw(items, batch, ++seed);
        await trainer.step({ rows, learningRate: 1e-3, mix: 0.3, seed });
      },
      close: () => trainer.close(),
    };
  },
};
