import { copyFileSync, readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { Fault } from './fault.ts';

export const truncation: Fault = {
  name: 'truncation',
  what: 'an input file is cut to a random length while the run reads it; then put back, and the run resumed.',
  befalls: () => true,
  run: async (trial) => {
    const { dir, at, measured } = trial;
    const files = readdirSync(measured.inputs, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(measured.inputs, name)).isFile() && !name.endsWith('.json'))
      .sort();
    const name = files[at.below(files.length)] ?? '';
    const length = at.below(statSync(join(dir, name)).size);
    // From the start of the process on: reading comes before the first write.
    const moment = at.uniform() * trial.measured.ms;
    let timer: NodeJS.Timeout | undefined;
    const onStart = (): void => void (timer = setTimeout(() => truncateSync(join(dir, name), length), moment));
    const ended = await trial.run({ onStart });
    clearTimeout(timer);
    copyFileSync(join(measured.inputs, name), join(dir, name));
    const broken = await trial.judge(ended);
    if (broken !== undefined) return broken;
    return ended.status === 0 ? trial.compare('identical') : trial.finish(ended.code ?? 'identical');
  },
};
