import type { PlannedBond } from '@freebind/core/training';
import { type Command, Option } from 'commander';
import { join } from 'node:path';
import { columns } from '../columns.ts';
import { counted } from '../counted.ts';
import { type ComputeOptions, computeOptions, examples, forceOption, seedNumber, shard, usage } from '../options.ts';
import type { Session } from '../session.ts';

interface TrainOptions extends ComputeOptions {
  readonly out?: string;
  readonly resume?: true;
  readonly seed?: number;
  readonly dryRun?: true;
  readonly force?: true;
  readonly reuse: boolean;
  readonly shard?: { readonly index: number; readonly count: number };
  readonly part?: 'pairs' | 'heads';
  readonly bond?: string;
  readonly merge?: true;
}

/** `freebind train`: the bonds of a recipe. */
export function train(program: Command, session: Session): void {
  const command = program
    .command('train')
    .description("Train the bonds of the config's recipe on unpaired tables.")
    .argument('[config]', 'a config file (default: freebind.config.{ts,mjs,json} here or above)')
    .option('--out <dir>', "folder for the bonds (default: the config's)")
    .option('--resume', 'continue what was stopped')
    .option('--seed <n>', "seed of every random choice, in place of the config's", seedNumber)
    .option('--dry-run', 'read the config and the shapes of the tables, say what would be trained, and stop')
    .option('--no-reuse', 'neither take nor keep finished pieces (BONDS/.reuse: pseudo pairs, heads)')
    .addOption(new Option('--shard <i/n>', 'do only shard i of n, from 0, of --part').argParser(shard))
    .addOption(
      new Option('--part <part>', 'what to shard: first the pseudo pairs, when those are done the heads').choices([
        'pairs',
        'heads',
      ]),
    )
    .option(
      '--bond <id>',
      'the bond to shard, where the recipe has several; with --merge, the last one to put together',
    )
    .option('--merge', 'only put together what shards have made; refuse while something is missing')
    .addOption(forceOption())
    .addHelpText(
      'after',
      examples(
        'freebind train',
        'freebind train bind.config.json --out bonds --seed 1',
        'freebind train --resume',
        'freebind train --shard 2/8 --part pairs',
        'freebind train --merge --bond unified-d-vt',
      ),
    )
    .action((config: string | undefined, options: TrainOptions) => {
      if ((options.shard === undefined) !== (options.part === undefined))
        usage(command, '--shard and --part belong together: what is to be done, and which share of it.');
      if (options.shard !== undefined && (options.merge === true || !options.reuse))
        usage(command, '--shard goes neither with --merge nor with --no-reuse: shards meet in the reuse folder.');
      if (options.merge === true && !options.reuse)
        usage(command, '--merge puts together what is in the reuse folder; leave out --no-reuse.');
      if (options.bond !== undefined && options.shard === undefined && options.merge !== true)
        usage(command, '--bond names the bond to --shard, or the last one to --merge; give one of these too.');
      return trainConfig(config, options, session);
    });
  for (const option of computeOptions()) command.addOption(option);
}

async function trainConfig(path: string | undefined, options: TrainOptions, session: Session): Promise<void> {
  const { spaceIdOf } = await import('@freebind/core');
  const { planTraining, trainRecipe, trainRecipeShard } = await import('@freebind/core/training');
  const { loadConfig } = await import('@freebind/core/config');
  const { checkPlugins, withConfigured } = await import('../backend.ts');
  const { follow, resumeLine } = await import('../follow.ts');
  const { openTrainJob } = await import('../jobs.ts');
  const config = await loadConfig(path === undefined ? {} : { path });
  const job = await openTrainJob(config, options);
  try {
    if (options.dryRun === true) {
      await checkPlugins(config, options);
      const { bonds } = planTraining(job.options);
      session.result({ type: 'plan', space: spaceIdOf(job.options.recipe), bonds }, formatPlan(bonds));
      return;
    }
    await withConfigured(config, options, session, async (backend) => {
      const reuse = join(job.options.bonds, '.reuse');
      const run = { ...job.options, backend, signal: session.signal, replace: options.force === true };
      const { shard, part, bond } = options;
      if (shard !== undefined && part !== undefined) {
        // A shard that was killed is simply run again, so it always goes on with what it left.
        const events = trainRecipeShard({ ...run, shard, part, reuse, ...(bond !== undefined && { bond }) });
        await follow(events, session, resumeLine('train', path, options.out));
        session.result(
          { type: 'result', shard, part, path: reuse },
          `${reuse}: ${part}, shard ${shard.index} of ${shard.count}`,
        );
        return;
      }
      const events = trainRecipe({
        ...run,
        resume: options.resume === true,
        merge: options.merge === true,
        ...(bond !== undefined && { upTo: bond }),
        ...(options.reuse && { reuse }),
      });
      const { space, bonds } = await follow(events, session, resumeLine('train', path, options.out));
      session.result(
        {
          type: 'result',
          space,
          bonds: bonds.map(({ path, manifest, reused }) => ({ id: manifest.id, path, reused })),
        },
        bonds
          .map(({ path, manifest }) => `${path}: bond "${manifest.id}", ${counted(manifest.heads.length, 'head')}`)
          .join('\n'),
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
