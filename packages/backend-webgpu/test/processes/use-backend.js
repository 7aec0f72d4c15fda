// Starts the backend from its sources, uses it, closes it, and must then end by itself.
import { fileURLToPath } from 'node:url';
import { createJiti } from 'jiti';

const source = (path) => fileURLToPath(new URL(path, import.meta.url));
const jiti = createJiti(import.meta.url, {
  alias: { '@freebind/core': source('../../../core/src/index.ts'), '#host': source('../../src/host-node.ts') },
});
const { startWebgpu } = await jiti.import('../../src/index.ts');
const backend = await startWebgpu();
const { data } = await backend.combine([{ rows: { rows: 1, cols: 2, data: Float32Array.of(3, 4) }, factor: 1 }]);
console.log([...data].map((x) => x.toFixed(1)).join());
await backend.close();
