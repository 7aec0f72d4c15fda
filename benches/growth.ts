import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Backend,
  evaluateRetrieval,
  freebind,
  initialise,
  projector,
  random,
  type Table,
  tableOf,
} from '@freebind/core';
import { ADAM, collectPseudoPairs, train } from '@freebind/core/training';
import { fitExponent, type Found, type Growth } from './results.ts';
import { unitRowsOf } from './tasks/inputs.ts';

const TIMES = [1, 4, 16, 64];
const WIDTH = 128;

/** What grows, and how it should: the exponent of rows in its operations. */
interface Growing {
  readonly name: string;
  readonly expected: number;
  /** Makes the rows, which is not measured, and gives what is. */
  readonly prepare: (backend: Backend, rows: number, folder: string) => () => Promise<void>;
}

const table = (rows: number, name: string): Table => tableOf(unitRowsOf(rows, WIDTH, `${name} ${rows}`));

const GROWING: readonly Growing[] = [
  {
    name: 'collection',
    expected: 2, // every item scores every item of a bank
    prepare: (backend, rows, folder) => {
      const unified = { space: 'u', tables: { audio: table(rows, 'u audio'), text: table(rows, 'u text') } };
      const expert = { space: 'e', tables: { audio: table(rows, 'e audio'), text: table(rows, 'e text') } };
      return async () => {
        const events = collectPseudoPairs({ unified, expert, backend, folder: join(folder, String(rows)) });
        let event = await events.next();
        while (event.done !== true) event = await events.next();
        await event.value.close();
      };
    },
  },
  {
    name: 'training, one epoch',
    expected: 1,
    prepare: (backend, rows) => {
      const layers = projector({ input: WIDTH, output: WIDTH, hidden: 2 * WIDTH });
      const tables = { source: table(rows, 'source'), target: table(rows, 'target') };
      return async () => {
        const events = train({
          stage: 'growth',
          backend,
          networks: { p: initialise(layers, random('bench'), 'xavier') },
          tables,
          objective: {
            pairs: [{ left: { table: 'source', network: 'p' }, right: { table: 'target' } }],
            temperature: { initial: 0.02 },
          },
          optimizer: ADAM,
          rate: { kind: 'constant', rate: 1e-3 },
          epochs: 1,
          batch: 256,
          seed: 1,
        });
        while ((await events.next()).done !== true);
      };
    },
  },
  {
    name: 'evaluation, both directions',
    expected: 2, // every query is ranked against every item
    prepare: (backend, rows) => {
      const sides = { queries: table(rows, 'queries'), gallery: table(rows, 'gallery') };
      return async () => void (await evaluateRetrieval({ backend, ...sides }));
    },
  },
];

/** Seconds of collection, training and evaluation by rows, with the exponents fitted to them. */
export async function growth({ smallest }: { readonly smallest: boolean }): Promise<Found> {
  const first = smallest ? 256 : 512;
  const fb = await freebind({ backend: ['onnx', { threads: availableParallelism() }] });
  const found: Growth[] = [];
  try {
    const backend = await fb.backend();
    for (const { name, expected, prepare } of GROWING) {
      const points: { readonly rows: number; readonly seconds: number }[] = [];
      const folder = await mkdtemp(join(tmpdir(), 'freebind-bench-growth-'));
      try {
        await prepare(backend, first - 1, folder)(); // what later runs find compiled and open
        for (const rows of TIMES.slice(0, smallest ? 3 : 4).map((times) => times * first)) {
          const run = prepare(backend, rows, folder);
          const start = performance.now();
          await run();
          points.push({ rows, seconds: (performance.now() - start) / 1000 });
        }
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
      found.push({ name, backend: backend.manifest.id, expected, exponent: fitExponent(points), points });
    }
  } finally {
    await fb.close();
  }
  return { growth: found };
}
