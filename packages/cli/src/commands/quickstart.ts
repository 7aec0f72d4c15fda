import { join } from 'node:path';
import type * as Starter from '@freebind/starter';
import type { Command } from 'commander';
import { columns } from '../columns.ts';
import { type ComputeOptions, computeOptions, examples, seedNumber } from '../options.ts';
import type { Progress } from '../progress.ts';
import type { Session } from '../session.ts';

interface QuickstartOptions extends ComputeOptions {
  readonly out: string;
  readonly seed: number;
  readonly fast?: true;
}

/** `freebind quickstart`: the whole method on real pictures, words and voices. */
export function quickstart(program: Command, session: Session): void {
  const command = program
    .command('quickstart')
    .description(
      'Fuse, bind and evaluate on the embedding tables of @freebind/starter, with controls and a report. Started again, it goes on where it stopped.',
    )
    .option('--out <dir>', 'folder for spaces, bonds, the recipe and the report', 'quickstart')
    .option('--seed <n>', 'seed of every random choice', seedNumber, 0)
    .option('--fast', 'fewer steps, and no controls that need training')
    .addHelpText('after', examples('freebind quickstart', 'freebind quickstart --fast --out try --seed 1'))
    .action((options: QuickstartOptions) => run(options, session));
  for (const option of computeOptions()) command.addOption(option);
}

async function run({ out, seed, fast, ...compute }: QuickstartOptions, session: Session): Promise<void> {
  const starter = await loadStarter();
  const { withBackend } = await import('../backend.ts');
  const progress = await session.progress();
  let result: Starter.QuickstartResult;
  try {
    result = await withBackend(compute, session, (backend) =>
      starter.quickstart({
        out,
        backend,
        seed,
        ...(fast !== undefined && { fast }),
        signal: session.signal,
        onEvent: (event) => tell(event, progress, session),
      }),
    );
  } catch (error) {
    progress.stop();
    if (session.signal.aborted) session.note('What was done is kept. Go on with it: the same command again.');
    throw error;
  } finally {
    progress.stop();
  }
  session.result(result, format(result, join(out, starter.REPORT_FILE)));
}

/** The starter is data that not everybody needs, so it may be missing. @throws FREEBIND_PLUGIN_MISSING */
async function loadStarter(): Promise<typeof Starter> {
  try {
    return await import('@freebind/starter');
  } catch (cause) {
    const { FreebindError } = await import('@freebind/core');
    throw new FreebindError(
      'FREEBIND_PLUGIN_MISSING',
      'The quickstart needs the tables of @freebind/starter, which cannot be loaded. Install them: npm i @freebind/starter',
      { cause },
    );
  }
}

function tell({ stage, stages, name, event }: Starter.QuickstartEvent, progress: Progress, session: Session): void {
  const title = `${stage}/${stages} ${name}`;
  if (event === undefined) {
    progress.stop();
    session.note(title);
  } else if (event.type === 'step') {
    const { step, steps, rowsPerSecond, etaSeconds, loss } = event;
    const remark = `loss ${loss.toFixed(3)}`;
    progress.update({ stage: title, done: step, total: steps, rate: rowsPerSecond, left: etaSeconds, remark });
  } else if (event.type === 'rows') {
    const { done, total, rowsPerSecond, etaSeconds } = event;
    progress.update({ stage: title, done, total, rate: rowsPerSecond, left: etaSeconds });
  } else if (event.type === 'warning') {
    session.note(`${event.stage}: ${event.message}`);
  }
}

/** The table of the test split, R@1 by direction, and where the rest is. */
function format({ rows, directions, factors, stages }: Starter.QuickstartResult, report: string): string {
  const shown = rows.filter(({ split }) => split === 'test');
  const table = columns([
    ['R@1 on test concepts, %', ...directions, 'mean', 'audio-image R@5'],
    ...shown.map(({ name, directions: found, mean, audioImage }) => [
      name,
      ...directions.map((direction) => cell(found[direction]?.r1.value)),
      `${cell(mean.value)} [${cell(mean.low)}, ${cell(mean.high)}]`,
      audioImage === null ? '–' : `${cell(audioImage.value)} [${cell(audioImage.low)}, ${cell(audioImage.high)}]`,
    ]),
  ]);
  const seconds = stages.reduce((sum, stage) => sum + stage.seconds, 0);
  return `${table}\n\nFactors, chosen on validation concepts: ${factors.recipe}\n${stages.length} stages in ${seconds.toFixed(0)} s. Open ${report}`;
}

function cell(value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(1);
}
