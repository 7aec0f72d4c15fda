import type { Fault } from './fault.ts';

/** At most so many kills of one trial: what goes on after a kill is killed as well. */
const MOST = 3;

export const kill: Fault = {
  name: 'kill',
  what: 'SIGKILL at a random moment between the first write and the end, up to three times in a row; then resumed to the end.',
  befalls: () => true,
  run: async (trial) => {
    for (let left = 1 + trial.at.below(MOST), again = false; left > 0; left--, again = true) {
      const ended = await trial.run({ again, killAfterMs: trial.moment() });
      const broken = await trial.judge({ ...ended, code: ended.code ?? 'killed' });
      if (broken !== undefined) return broken;
      if (ended.status === 0) return trial.compare('identical');
    }
    return trial.finish('identical');
  },
};
