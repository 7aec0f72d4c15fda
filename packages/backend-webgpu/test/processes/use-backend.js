// Starts the backend from its sources, combines and trains, closes it, and must then end by itself.
import { fileURLToPath } from 'node:url';
import { createJiti } from 'jiti';

const source = (path) => fileURLToPath(new URL(path, import.meta.url));
const jiti = createJiti(import.meta.url, {
  alias: {
    '@freebind/core/files': source('../../../core/src/files/index.ts'),
    '@freebind/core': source('../../../core/src/index.ts'),
    '#host': source('../../src/host-node.ts'),
  },
});
const { startWebgpu } = await jiti.import('../../src/index.ts');
const backend = await startWebgpu();
const { data } = await backend.combine([{ rows: { rows: 1, cols: 2, data: Float32Array.of(3, 4) }, factor: 1 }]);
console.log([...data].map((x) => x.toFixed(1)).join());
const { training } = await jiti.import('../training.ts');
const trainer = await backend.openTrainer(training());
// The trainer is not closed: its backend closes it.
const { loss } = await trainer.step({ rows: Int32Array.from({ length: 10 }, (_, r) => r), learningRate: 1e-3 });
console.log(loss.toFixed(3));
await backend.close();
