import { type Backend, type BankRunner, isFreebindError, matrix, projector, type Table, tableOf } from '@freebind/core';
import type { ConformanceCase } from '../case.ts';
import { check, checkIdentical, checkRejects, checkSame, PATIENCE_MS, settle } from '../check.ts';
import { networkOf, unitRows } from '../data.ts';
import { projectorTraining } from './trainings.ts';

/** A table whose reads wait for `release` once `hold` was called. */
function heldTable(inner: Table): { readonly table: Table; hold(): void; release(): void } {
  let gate: Promise<void> = Promise.resolve();
  let open: (() => void) | undefined;
  return {
    table: {
      ...inner,
      read: async (start, end) => {
        await gate;
        return inner.read(start, end);
      },
      gather: async (indices) => {
        await gate;
        return inner.gather(indices);
      },
    },
    hold: () => {
      gate = new Promise((resolve) => {
        open = resolve;
      });
    },
    release: () => open?.(),
  };
}

async function checkSettles(call: Promise<unknown>, what: string): Promise<void> {
  const result = await settle(call, PATIENCE_MS, what);
  check(
    result.status === 'fulfilled' || isFreebindError(result.reason, 'FREEBIND_CLOSED'),
    `${what}: found ${result.status === 'rejected' ? String(result.reason) : ''}, expected a result or FREEBIND_CLOSED.`,
  );
}

const network = () => networkOf(projector({ input: 4, hidden: 5, output: 3 }), 'lifecycle');
const bank = () => tableOf(unitRows(10, 4, 'lifecycle'));

async function checkBankClosed(runner: BankRunner, after: string): Promise<void> {
  const queries = unitRows(2, 4, 'after close');
  const code = 'FREEBIND_CLOSED';
  await checkRejects(() => runner.aggregate(queries, 0.1), code, `aggregate after ${after}`);
  await checkRejects(() => runner.scores(queries), code, `scores after ${after}`);
  await checkRejects(() => runner.topK(queries, 1), code, `topK after ${after}`);
}

/** Requirements of the manifest, of opening and of closing. */
export const lifecycleCases: readonly ConformanceCase<Backend>[] = [
  {
    name: 'declares an id, a device, a precision and a tolerance that means something',
    async run({ manifest }) {
      check(/^[a-z0-9][a-z0-9.-]*$/.test(manifest.id), `The id is "${manifest.id}", expected lower case and dashes.`);
      check(manifest.device.trim() !== '', 'The device is empty, expected words for people.');
      check(
        manifest.precision === 'float32' || manifest.precision === 'float64',
        `The precision is "${manifest.precision}", expected "float32" or "float64".`,
      );
      check(
        manifest.tolerance > 0 && manifest.tolerance <= 1e-2,
        `The tolerance is ${manifest.tolerance}, expected above 0 and at most 0.01: more would excuse anything.`,
      );
    },
  },
  {
    name: 'gives bit-identical results for the same calls',
    requires: 'bitwiseRepeatable',
    async run(backend) {
      const once = async () => {
        const [projecting, searching] = [
          await backend.openProjector([network()]),
          await backend.openBank({ keys: bank() }),
        ];
        const rows = unitRows(7, 4, 'repeated');
        const out = [
          await projecting.project(rows),
          await searching.aggregate(rows, 0.01),
          await searching.scores(rows),
          (await searching.topK(rows, 3)).scores,
          await backend.combine([
            { rows, factor: 0.3 },
            { rows: unitRows(7, 4, 'other'), factor: 0.7 },
          ]),
        ];
        await projecting.close();
        await searching.close();
        return out;
      };
      const [first, second] = [await once(), await once()];
      first.forEach(({ data }, i) => checkIdentical(second[i]?.data ?? new Float32Array(0), data, `result ${i} again`));
    },
  },
  {
    name: 'keeps several runners open at once, each with its own weights',
    async run(backend) {
      const [one, other] = [
        await backend.openProjector([network()]),
        await backend.openProjector([networkOf(projector({ input: 4, hidden: 5, output: 3 }), 'another')]),
      ];
      const rows = unitRows(3, 4, 'several');
      const [a, b] = await Promise.all([one.project(rows), other.project(rows)]);
      check(
        a.data.some((x, i) => Math.abs(x - (b.data[i] ?? 0)) > 1e-3),
        'Two networks gave the same rows.',
      );
      await one.close();
      checkIdentical((await other.project(rows)).data, b.data, 'a runner after another was closed');
      await other.close();
    },
  },
  {
    name: 'refuses calls on a runner that was closed, and closes it twice quietly',
    async run(backend) {
      const projecting = await backend.openProjector([network()]);
      const searching = await backend.openBank({ keys: bank() });
      for (const runner of [projecting, searching, projecting, searching]) await runner.close();
      await checkRejects(() => projecting.project(unitRows(1, 4, 0)), 'FREEBIND_CLOSED', 'project after close');
      await checkBankClosed(searching, 'close');
    },
  },
  {
    name: 'refuses calls on a trainer that was closed, and closes it twice quietly',
    requires: 'training',
    async run(backend) {
      const trainer = await backend.openTrainer(projectorTraining());
      await trainer.close();
      await trainer.close();
      const input = { rows: Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7), learningRate: 1e-3 };
      await checkRejects(() => trainer.step(input), 'FREEBIND_CLOSED', 'step after close');
      await checkRejects(() => trainer.snapshot(), 'FREEBIND_CLOSED', 'snapshot after close');
    },
  },
  {
    name: 'closes its runners with itself, refuses what comes after and closes twice quietly',
    closes: true,
    async run(backend) {
      const projecting = await backend.openProjector([network()]);
      const searching = await backend.openBank({ keys: bank() });
      const trainer = backend.manifest.training ? await backend.openTrainer(projectorTraining()) : undefined;
      await backend.close();
      await backend.close();
      const code = 'FREEBIND_CLOSED';
      await checkRejects(() => projecting.project(unitRows(1, 4, 0)), code, 'project after the backend closed');
      await checkBankClosed(searching, 'the backend closed');
      if (trainer !== undefined)
        await checkRejects(() => trainer.snapshot(), code, 'snapshot after the backend closed');
      await checkRejects(() => backend.openProjector([network()]), code, 'openProjector after close');
      await checkRejects(() => backend.openBank({ keys: bank() }), code, 'openBank after close');
      await checkRejects(() => backend.combine([{ rows: matrix(1, 2), factor: 1 }]), code, 'combine after close');
      if (backend.manifest.training)
        await checkRejects(() => backend.openTrainer(projectorTraining()), code, 'openTrainer after close');
      for (const runner of [projecting, searching, trainer]) await runner?.close();
    },
  },
  {
    name: 'settles calls that are in flight when it closes',
    because: 'a call finishes or rejects with FREEBIND_CLOSED; it never hangs',
    closes: true,
    async run(backend) {
      const held = heldTable(bank());
      const runner = await backend.openBank({ keys: held.table });
      held.hold();
      const call = runner.aggregate(unitRows(2, 4, 'in flight'), 0.1);
      const closing = backend.close();
      held.release();
      await Promise.all([checkSettles(call, 'aggregate in flight'), checkSettles(closing, 'close of the backend')]);
    },
  },
  {
    name: 'settles a training step that is in flight when its trainer closes',
    requires: 'training',
    async run(backend) {
      const options = projectorTraining();
      const held = heldTable(options.tables['source'] ?? bank());
      const trainer = await backend.openTrainer({ ...options, tables: { ...options.tables, source: held.table } });
      held.hold();
      const call = trainer.step({ rows: Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7), learningRate: 1e-3 });
      const closing = trainer.close();
      held.release();
      await Promise.all([checkSettles(call, 'step in flight'), checkSettles(closing, 'close of the trainer')]);
      checkSame((await settle(trainer.close(), PATIENCE_MS, 'close again')).status, 'fulfilled', 'close again');
    },
  },
];
