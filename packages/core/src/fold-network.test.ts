import { ReferenceBackend } from '@freebind/backend-reference';
import { expect, test } from 'vitest';
import { foldNetwork } from './fold-network.ts';
import { initialise, type Layer, type Network } from './network.ts';
import { normalMatrix, random } from './random.ts';

const norm = (name: string, size: number): Layer => ({ kind: 'batch-norm', name, size, epsilon: 1e-5, momentum: 0.1 });
const layers: readonly Layer[] = [
  norm('first', 5),
  { kind: 'linear', name: 'a', input: 5, output: 6 },
  norm('b', 6),
  { kind: 'relu' },
  { kind: 'residual', name: 'r', layers: [{ kind: 'linear', name: 'c', input: 6, output: 6 }, norm('d', 6)] },
  { kind: 'linear', name: 'e', input: 6, output: 4 },
  { kind: 'dropout', rate: 0.5 },
  norm('f', 4),
  norm('g', 4),
];

/** A network whose norms have statistics, scales and shifts of their own. */
function network(): Network {
  const { weights } = initialise(layers, random('fold'), 'fan-in');
  const from = random('statistics');
  for (const { data } of Object.values(weights)) data.forEach((x, i) => (data[i] = x + 0.2 + 0.5 * from.uniform()));
  return { layers, weights };
}

test('a folded network gives the same rows with fewer layers, and the one that was given is as it was', async () => {
  const given = network();
  const folded = foldNetwork(given);
  expect(given).toEqual(network());
  // A norm that no linear layer is in front of stays.
  expect(folded.layers.map((layer) => ('name' in layer ? layer.name : layer.kind))).toEqual([
    'first',
    'a',
    'relu',
    'r',
    'e',
  ]);
  expect(Object.keys(folded.weights).filter((name) => /^(b|r\.d|f|g)\./.test(name))).toEqual([]);
  const backend = new ReferenceBackend({ precision: 'float64' });
  const rows = normalMatrix(7, 5, random('rows'));
  const [plain, fewer] = await Promise.all(
    [given, folded].map(async (one) => (await backend.openProjector([one])).project(rows)),
  );
  fewer?.data.forEach((x, i) => expect(x).toBeCloseTo(plain?.data[i] ?? Number.NaN, 12));
  await backend.close();
});
