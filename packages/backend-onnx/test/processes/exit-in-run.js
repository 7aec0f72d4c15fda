// Ends with status 7 while a product of a second and more runs, and another waits.
import { fileURLToPath } from 'node:url';
import { createJiti } from 'jiti';

const core = fileURLToPath(new URL('../../../core/src/index.ts', import.meta.url));
const jiti = createJiti(import.meta.url, { alias: { '@freebind/core': core } });
const { Sessions } = await jiti.import('../../src/sessions.ts');
const { Graph } = await jiti.import('../../src/graph.ts');

const graph = new Graph();
const x = graph.input('x', ['n', 'n']);
graph.output('y', graph.gemm(x, x));
const sessions = new Sessions({ device: 'cpu', threads: 1 });
const session = await sessions.open(graph.encode());
for (let run = 0; run < 2; run++) {
  const done = session.run({ x: { type: 'float32', dims: [3000, 3000], data: new Float32Array(3000 * 3000) } });
  void done.then(() => console.log('done'));
}
setTimeout(() => process.exit(7), 200);
