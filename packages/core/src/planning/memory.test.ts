import { describe, expect, test } from 'vitest';
import { projector } from '../projector.ts';
import { memoryOf, memoryOfStages } from './memory.ts';
import { activationNumbers, stateNumbers, type TrainWork, type Work } from './work.ts';

const MIB = 2 ** 20;
const GARBAGE = 128 * MIB;
const RUNTIME = 150 * MIB;

/** A head of a combination: two trained tables and three that are not. */
const head = (rows: number, cols = 512, hidden = 1024): TrainWork => ({
  kind: 'train',
  steps: 10,
  rows,
  batch: 1024,
  mixup: false,
  networks: { p: projector({ input: cols, hidden, output: cols }) },
  objective: {
    pairs: ['audio', 'text'].flatMap((x) =>
      ['a', 'b', 'c'].map((y) => ({ left: { table: x, network: 'p' }, right: { table: y } })),
    ),
    temperature: { initial: 0.02 },
  },
  tables: { audio: cols, text: cols, a: cols, b: cols, c: cols },
});
const aggregation = (own: boolean): Work => ({
  kind: 'aggregate',
  queries: 4000,
  bank: 4000,
  keyCols: 512,
  valueCols: 512,
  own,
});

describe('the memory of a run', () => {
  test('of aggregation is its queries and sums, three tiles of each table, and the scores of two graphs', () => {
    const rows = 4 * 4000 * 512;
    expect(memoryOf(aggregation(true))).toBe((2 + 4 + 3) * rows + 4 * 4 * 1024 * 4000);
    expect(memoryOf(aggregation(false))).toBe((2 + 4 + 6) * rows + 4 * 4 * 1024 * 4000);
  });

  test('of aggregation does not grow with tables that are larger than a tile', () => {
    const work = { kind: 'aggregate', keyCols: 4096, valueCols: 4096, own: true } as const;
    const [large, larger] = [1e5, 1e6].map((n) => memoryOf({ ...work, queries: n, bank: n }));
    expect(larger).toBe(large);
  });

  test('of training is its tables, two batches of rows, activations forward and back, and the state four times', () => {
    const work = head(2000);
    const step = 2 * 1024 * 5 * 512 + 2 * activationNumbers(work) + 4 * stateNumbers(work);
    expect(memoryOf(work)).toBe(4 * 2000 * 5 * 512 + 4 * step);
    // From files no more than windows of them are held.
    expect(memoryOf(head(10_000_000))).toBe(512 * MIB + 4 * step);
  });

  test('of a stage has the runtime and garbage in it, and while a head is trained what stages before it held, but no head before it', () => {
    const stages = [
      { works: [aggregation(true), aggregation(false)] },
      { works: [head(4000)] },
      { works: [head(2000)] },
    ];
    const [pairs, first, second] = memoryOfStages(stages, RUNTIME);
    expect(pairs).toBe(RUNTIME + GARBAGE + memoryOf(aggregation(false)));
    expect(first).toBe((pairs ?? 0) + memoryOf(head(4000)));
    expect(second).toBe((pairs ?? 0) + memoryOf(head(2000)));
  });

  // As `npm run bench -- plan` measured it: most memory of the process, whose runtime alone took 150 MiB.
  test.each([
    ['a combination whose aggregation is small', [aggregation(false)], head(12_000), 715],
    [
      'a displacement from files',
      [{ ...aggregation(false), queries: 12_000, bank: 12_000, keyCols: 1024, valueCols: 768 }],
      {
        ...head(36_000),
        networks: { p: projector({ input: 1024, hidden: 2048, output: 768 }) },
        objective: {
          pairs: ['audio', 'image', 'text'].flatMap((x) =>
            ['a', 'b'].map((y) => ({ left: { table: x, network: 'p' }, right: { table: y } })),
          ),
          temperature: { initial: 0.02 },
        },
        tables: { audio: 1024, image: 1024, text: 1024, a: 768, b: 768 },
      },
      1379,
    ],
  ] as const)('is within a tenth of that of %s', (_, before, work, measuredMiB) => {
    const [, memory = 0] = memoryOfStages([{ works: before as readonly Work[] }, { works: [work] }], RUNTIME);
    expect(Math.abs(memory / MIB / measuredMiB - 1)).toBeLessThan(0.1);
  });
});
