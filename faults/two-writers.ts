import { setTimeout as wait } from 'node:timers/promises';
import type { Fault } from './fault.ts';

/** What a second writer may be told: that the first is at work, that it has finished, or that its work lies there. */
const REFUSALS = new Set(['FREEBIND_OUTPUT_BUSY', 'FREEBIND_OUTPUT_EXISTS']);

export const twoWriters: Fault = {
  name: 'two writers',
  what: 'the same command is started twice on one output, the second at a random moment of the first. One of them at least finishes; the other is refused, or finds the work done.',
  befalls: () => true,
  run: async (trial) => {
    const first = trial.run();
    await wait(trial.at.uniform() * trial.measured.ms);
    const both = await Promise.all([first, trial.run()]);
    for (const ended of both) {
      const broken = await trial.judge(ended);
      if (broken !== undefined) return broken;
      if (ended.status !== 0 && !REFUSALS.has(ended.code ?? ''))
        return { end: ended.code ?? 'crash', broken: ended.stderr };
    }
    const refused = both.find(({ status }) => status !== 0);
    if (both.every(({ status }) => status !== 0)) return { end: 'both refused', broken: both[0]?.stderr ?? '' };
    return trial.compare(refused?.code ?? 'identical');
  },
};
