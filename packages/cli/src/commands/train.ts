import type { PlannedBond } from '@freebind/core/training';
import type { Command } from 'commander';
import { columns } from '../columns.ts';
import { type ComputeOptions, computeOptions, examples, forceOption, whole } from '../options.ts';
import type { Session } from '../session.ts';

interface TrainOptions extends ComputeOptions {
  readonly out?: string;
  readonly resume?: true;
  readonly seed?: number;
  readonly dryRun?: true;
  readonly force?: true;
}

/** `freebind train`: the bonds of a recipe. */
export function train(program: Command, session: Session): void {
  const command = program
    .command('train')
    .description("Train the bonds of the config's recipe on unpaired tables.")
    .argument('[config]', 'a config file (default: freebind.config.{ts,mjs,json} here or above)')
    .option('--out <dir>', "folder for the bonds (default: the config's)")
    .option('--resume', 'continue what was stopped')
    .option('--seed <n>', "seed of every random choice, in place of the config's", whole(0))
    .option('--dry-run', 'read the config and the shapes of the tables, say what would be trained, and stop')
    .addOption(forceOption())
    .addHelpText(
      'after',
      examples('freebind train', 'freebind train bind.config.json --out bonds --seed 1', 'freebind train --resume'),
    )
    .action((config: string | undefined, options: TrainOptions) => trainConfig(config, options, session));
  for (const option of computeOptions()) command.addOption(option);
}

async function trainConfig(path: string | undefined, options: TrainOptions, session: Session): Promise<void> {
  const { spaceIdOf } = await import('@freebind/core');
  const { planTraining, trainRecipe } = await import('@freebind/core/training');
  const { loadConfig } = await import('@freebind/core/config');
  const { withConfigured } = await import('../backend.ts');
  const { follow, resumeLine } = await import('../follow.ts');
  const { openTrainJob } = await import('../jobs.ts');
  const config = await loadConfig(path === undefined ? {} : { path });
  const job = await openTrainJob(config, options);
  try {
    if (options.dryRun === true) {
      const { bonds } = planTraining(job.options);
      session.result({ type: 'plan', space: spaceIdOf(job.options.recipe), bonds }, formatPlan(bonds));
      return;
    }
    await withConfigured(config, options, async (backend) => {
      const events = trainRecipe({
        ...job.options,
        backend,
        signal: session.signal,
        resume: options.resume === true,
        replace: options.force === true,
      });
      const { space, bonds } = await follow(events, session, resumeLine('train', path, options.out));
      session.result(
        {
          type: 'result',
          space,
          bonds: bonds.map(({ path, manifest, reused }) => ({ id: manifest.id, path, reused })),
        },
        bonds.map(({ path, manifest }) => `${path}: bond "${manifest.id}", ${manifest.heads.length} heads`).join('\n'),
      );
    });
  } finally {
    await job.close();
  }
}

function formatPlan(bonds: readonly PlannedBond[]): string {
  return columns([
    ['bond', 'kind', 'head', 'rows', 'steps'],
    ...bonds.flatMap(({ id, kind, heads }) =>
      heads.map(({ name, rows, steps }, i) => [
        i === 0 ? id : '',
        i === 0 ? kind : '',
        name,
        String(rows),
        String(steps),
      ]),
    ),
  ]);
}
