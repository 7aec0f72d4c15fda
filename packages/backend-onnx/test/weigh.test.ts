import { expect, test } from 'vitest';
import { Graph } from '../src/graph.ts';
import { Sessions } from '../src/sessions.ts';
import { weigh } from '../src/weigh.ts';

/** float32's smallest normal number. */
const SMALLEST = 2 ** -126;

test('weights are exponentials, and never subnormal numbers', async () => {
  const graph = new Graph();
  graph.output('y', weigh(graph, graph.input('x', [1, 'n'])));
  const sessions = new Sessions({ device: 'cpu', threads: 1 });
  const session = await sessions.open(graph.encode());
  const differences = [0, -1, -59, -61, -87, -88, -100, -104, -1e30, -Infinity];
  const x = { type: 'float32', dims: [1, 11], data: Float32Array.of(...differences, Number.NaN) } as const;
  const { outputs } = await session.run({ x });
  const weights = Array.from(outputs['y']?.data ?? [], Number);
  for (const [i, difference] of differences.entries()) {
    expect(weights[i]).toBeGreaterThan(SMALLEST);
    // Exponentials of onnxruntime are right to a few places.
    expect(Math.abs((weights[i] ?? Infinity) - Math.exp(difference))).toBeLessThan(2 ** -22);
  }
  expect(weights[10]).toBeNaN();
  await sessions.close();
});
