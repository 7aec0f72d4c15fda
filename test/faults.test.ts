import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Campaign, FAULTS } from '../faults/campaign.ts';
import { JOBS } from '../faults/jobs.ts';
import { kill } from '../faults/kill.ts';
import { lostDevice } from '../faults/lost-device.ts';
import { type Results, writeReport } from '../faults/report.ts';
import { differences, type Tree } from '../faults/trees.ts';

// `npm run faults` does the same a hundred times, for every job, and writes down what it found.
/** The two that keep checkpoints; tune and import redo a few seconds of work. */
const KILLED = JOBS.filter(({ name }) => name === 'train' || name === 'fuse');
const OTHERS = FAULTS.filter((fault) => fault !== kill && fault !== lostDevice);
/** Six processes in turn, with all that Node takes to start, on a machine that may have other things to do. */
const timeout = 300_000;

describe.skipIf(process.platform === 'win32')(
  'a disturbed run (skipped on Windows, which has no SIGKILL)',
  { timeout },
  () => {
    let campaign: Campaign;
    beforeAll(() => void (campaign = new Campaign()));
    afterAll(() => campaign[Symbol.dispose]());

    test.each(KILLED.map((job) => [job.name, job] as const))(
      'of %s, killed at a random moment and resumed, ends with every byte of an undisturbed one',
      async (_, job) => {
        const { broken, ends } = await campaign.run(kill, job, { backend: 'reference', seed: 7, to: 1 });
        expect(broken).toEqual([]);
        expect(ends).toEqual({ identical: 1 });
      },
    );

    test.each(OTHERS.map((fault) => [fault.name, fault] as const))(
      'of embed, befallen by %s, ends well or with a named error, and then with the same bytes',
      async (_, fault) => {
        const embed = JOBS.filter((job) => job.name === 'embed' && fault.befalls(job));
        for (const job of embed) {
          const { broken, trials } = await campaign.run(fault, job, { backend: 'reference', seed: 7, to: 1 });
          expect([broken, trials]).toEqual([[], 1]);
        }
        expect(embed).toHaveLength(1);
      },
    );

    test('of fuse, whose backend loses its device, says so and then ends with the same bytes', async () => {
      const fuse = JOBS.filter(({ name }) => name === 'fuse');
      for (const job of fuse) {
        const { broken, ends } = await campaign.run(lostDevice, job, { backend: 'onnx', seed: 7, to: 1 });
        expect(broken).toEqual([]);
        expect(ends).toEqual({ FREEBIND_BACKEND_FAILED: 1 });
      }
      expect(fuse).toHaveLength(1);
    });
  },
);

function read(name: string): Promise<string> {
  return readFile(fileURLToPath(new URL(`../${name}`, import.meta.url)), 'utf8');
}

test('the report says what was recorded', async () => {
  const results = JSON.parse(await read('faults/results.json')) as Results; // our own file
  expect(await read('docs/reliability.md')).toBe(writeReport(results, FAULTS));
});

test('trees differ by what is missing, what is left over and what has other bytes', () => {
  const expected: Tree = new Map([
    ['a', '1'],
    ['b', '2'],
    ['c', '3'],
  ]);
  const found: Tree = new Map([
    ['a', '1'],
    ['b', '0'],
    ['d', '4'],
  ]);
  expect(differences(found, expected)).toEqual(['b has other bytes', 'c is missing', 'd is left over']);
  expect(differences(expected, expected)).toEqual([]);
});
