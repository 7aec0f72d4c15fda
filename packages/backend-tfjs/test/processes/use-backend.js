// Starts the backend from its sources, uses it, closes it if told to, and must then end by itself.
import { fileURLToPath } from 'node:url';
import { createJiti } from 'jiti';

const core = fileURLToPath(new URL('../../../core/src/index.ts', import.meta.url));
const jiti = createJiti(import.meta.url, { alias: { '@freebind/core': core } });
const { startTfjs } = await jiti.import('../../src/index.ts');
const backend = await startTfjs({ runtime: process.argv[3] ?? 'wasm', threads: 2 });
const { data } = await backend.combine([{ rows: { rows: 1, cols: 2, data: Float32Array.of(3, 4) }, factor: 1 }]);
console.log([...data].map((x) => x.toFixed(1)).join());
if (process.argv[2] === 'close') await backend.close();
