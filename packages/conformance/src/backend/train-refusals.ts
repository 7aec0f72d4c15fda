import { type Backend, tableOf, type TrainerOptions } from '@freebind/core';
import type { ConformanceCase } from '../case.ts';
import { checkRejects, checkSame } from '../check.ts';
import { unitRows } from '../data.ts';
import { batch, projectorTraining, ROWS } from './trainings.ts';

function onePair(left: string, network: string, right: string): TrainerOptions['objective'] {
  return { pairs: [{ left: { table: left, network }, right: { table: right } }], temperature: { initial: 0.1 } };
}

/** What `openTrainer` and `step` refuse, on every backend with the same codes. */
export const trainRefusalCases: readonly ConformanceCase<Backend>[] = [
  {
    name: 'refuses trainings that do not fit together',
    requires: 'training',
    async run(backend) {
      const good = projectorTraining();
      const { target } = good.tables;
      const refuses = async (what: string, code: Parameters<typeof checkRejects>[1], more: Partial<TrainerOptions>) =>
        checkRejects(() => backend.openTrainer({ ...good, ...more }), code, what);
      await refuses('an unknown table', 'FREEBIND_ARGUMENT_INVALID', { objective: onePair('nowhere', 'p', 'target') });
      await refuses('an unknown network', 'FREEBIND_ARGUMENT_INVALID', { objective: onePair('source', 'q', 'target') });
      await refuses('a table too narrow', 'FREEBIND_SHAPE_MISMATCH', { objective: onePair('target', 'p', 'target') });
      await refuses('a target too wide', 'FREEBIND_SHAPE_MISMATCH', { objective: onePair('source', 'p', 'source') });
      await refuses('no pairs', 'FREEBIND_ARGUMENT_INVALID', { objective: { ...good.objective, pairs: [] } });
      await refuses('an odd batch with mixup', 'FREEBIND_ARGUMENT_INVALID', { batch: 7, mixup: true });
      await refuses('a batch of one row', 'FREEBIND_ARGUMENT_INVALID', { batch: 1 });
      const source = tableOf(unitRows(ROWS - 1, 6, 'short'));
      if (target !== undefined)
        await refuses('tables of 23 and 24 rows', 'FREEBIND_ROWS_MISALIGNED', { tables: { source, target } });
    },
  },
  {
    name: 'refuses steps that do not fit the training, and goes on after',
    requires: 'training',
    async run(backend) {
      const trainer = await backend.openTrainer(projectorTraining());
      const good = { rows: batch(8), learningRate: 1e-2 };
      const shape = 'FREEBIND_SHAPE_MISMATCH';
      const argument = 'FREEBIND_ARGUMENT_INVALID';
      await checkRejects(() => trainer.step({ ...good, rows: batch(7) }), shape, 'a batch of 7 instead of 8');
      const rows = batch(8).with(3, ROWS);
      await checkRejects(() => trainer.step({ ...good, rows }), shape, 'a row that is not there');
      await checkRejects(() => trainer.step({ ...good, mix: 0.5 }), argument, 'mix without mixup');
      await checkRejects(() => trainer.step({ ...good, learningRate: Number.NaN }), argument, 'a learning rate of NaN');
      await trainer.step(good);
      checkSame((await trainer.snapshot()).step, 1, 'steps taken after four refusals and one step');
      await trainer.close();
    },
  },
];
