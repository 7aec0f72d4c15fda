import { describe, expect, test } from 'vitest';
import { adapter } from '../adapter.ts';
import { stepOperations } from '../backend-rates.ts';
import type { Objective } from '../backend.ts';
import type { Layer } from '../network.ts';
import { projector } from '../projector.ts';
import { lineThrough } from './probe.ts';
import {
  activationNumbers,
  operationsOf,
  stateNumbers,
  trainingStepOperations,
  type TrainWork,
  writtenNumbers,
} from './work.ts';

const objective = (...pairs: readonly (readonly [left: string, right: string | undefined])[]): Objective => ({
  pairs: pairs.map(([left, right], i) => ({
    left: { table: left, network: 'p' },
    right: right === undefined ? { table: `target ${i}` } : { table: right, network: 'p' },
  })),
  temperature: { initial: 0.02 },
});

const train = (over: Partial<TrainWork>): TrainWork => ({
  kind: 'train',
  steps: 1,
  rows: 100,
  batch: 8,
  mixup: false,
  networks: { p: projector({ input: 3, hidden: 5, output: 4 }) },
  objective: objective(['a', undefined]),
  tables: { a: 3, 'target 0': 4 },
  ...over,
});

/** Counts every multiplication and addition of a product [n, k] · [k, m] by doing them. */
function countProduct(n: number, k: number, m: number): number {
  let count = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < m; j++) for (let l = 0; l < k; l++) count += 2;
  return count;
}

describe('the operations of a stage', () => {
  test('of aggregation are those of the scores and of the weighted sums', () => {
    const counted = countProduct(6, 3, 7) + countProduct(6, 7, 5);
    const work = { kind: 'aggregate', queries: 6, bank: 7, keyCols: 3, valueCols: 5, own: false } as const;
    expect(operationsOf(work)).toBe(counted);
    expect(writtenNumbers(work)).toBe(6 * 5);
  });

  test('of a projection are those of every head', () => {
    const mixture = [1, 2].map(() => projector({ input: 3, hidden: 5, output: 4 }));
    const counted = 2 * (countProduct(9, 3, 5) + countProduct(9, 5, 4));
    expect(operationsOf({ kind: 'project', rows: 9, mixture })).toBe(counted);
    expect(writtenNumbers({ kind: 'project', rows: 9, mixture })).toBe(9 * 4);
  });

  test('of a step of FreeBind are the products forward and back, none for the gradient of frozen rows', () => {
    const n = 8;
    const forward = countProduct(n, 3, 5) + countProduct(n, 5, 4) + countProduct(n, 4, n);
    const weights = countProduct(5, n, 3) + countProduct(4, n, 5);
    const inputs = countProduct(n, 4, 5);
    const logits = countProduct(n, n, 4); // of the projected side only
    expect(trainingStepOperations(train({}))).toBe(forward + weights + inputs + logits);
    expect(trainingStepOperations(train({}))).toBe(stepOperations({ batch: 8, input: 3, hidden: 5, output: 4 }));
  });

  test('of a step count a network once for every table that it serves, and each pair', () => {
    const one = trainingStepOperations(train({}));
    const two = trainingStepOperations(
      train({ objective: objective(['a', undefined], ['b', undefined]), tables: { a: 3, b: 3 } }),
    );
    expect(two).toBe(2 * one);
  });

  test('of a step whose sides are both trained have a gradient of both, of half the rows with mixup', () => {
    const layers: readonly Layer[] = [{ kind: 'linear', name: '0', input: 3, output: 4 }];
    const work = train({ networks: { p: layers }, objective: objective(['a', 'b']), mixup: true, batch: 16 });
    const n = 8;
    const both = 2 * (countProduct(n, 3, 4) + countProduct(4, n, 3)); // forward and weights, for two tables
    expect(trainingStepOperations(work)).toBe(both + 3 * countProduct(n, 4, n));
  });

  test('of an adapter have a gradient for the input of every layer: norms in front are trained', () => {
    const layers = adapter({ input: 4, output: 2, blocks: 1, expansion: 2 });
    const work = train({ networks: { p: layers }, objective: objective(['a', undefined]), tables: { a: 4 } });
    const n = 8;
    const linears = countProduct(n, 4, 8) + countProduct(n, 8, 4) + countProduct(n, 4, 2);
    expect(trainingStepOperations(work)).toBe(3 * linears + 2 * countProduct(n, 2, n));
  });
});

describe('the numbers of a training run', () => {
  test('are its parameters, with two moments of those that are trained', () => {
    // 3·5 + 5, 5 + 5, 5·4 + 4, 4 + 4 trained; running mean and variance of 5 and of 4 not.
    expect(stateNumbers(train({}))).toBe(3 * (20 + 10 + 24 + 8) + 2 * (5 + 4));
  });

  test('are the outputs of its layers and the logits of a pair', () => {
    expect(activationNumbers(train({}))).toBe(8 * (5 + 5 + 5 + 4 + 4 + 4) + 64);
  });
});

describe('a line through two measurements', () => {
  test('goes through both', () => {
    expect(lineThrough([10, 3], [20, 5])).toEqual({ fixed: 1, each: 0.2 });
  });

  test.each([
    ['falls', [10, 6], [20, 5]],
    ['would start below nothing', [10, 1], [20, 5]],
    ['has one point', [20, 5], [20, 5]],
  ] as const)('goes through the larger and the origin where it %s', (_, small, large) => {
    expect(lineThrough(small, large)).toEqual({ fixed: 0, each: 0.25 });
  });
});
