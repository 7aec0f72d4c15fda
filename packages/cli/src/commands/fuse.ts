import type { Command } from 'commander';
import { type ComputeOptions, computeOptions, examples, forceOption, seedNumber } from '../options.ts';
import type { Session } from '../session.ts';

interface FuseOptions extends ComputeOptions {
  readonly out?: string;
  readonly space?: readonly string[];
  readonly resume?: true;
  readonly seed?: number;
  readonly dryRun?: true;
  readonly force?: true;
}

/** `freebind fuse`: spaces from unimodal encoders. */
export function fuse(program: Command, session: Session): void {
  const command = program
    .command('fuse')
    .description(
      'Make spaces out of unimodal encoders (FuseMix), from tables of their features that are paired by row.',
    )
    .argument('[config]', 'a config file (default: freebind.config.{ts,mjs,json} here or above)')
    .option('--space <names...>', "only these of the config's spaces")
    .option('--out <dir>', "folder for the spaces (default: the config's)")
    .option('--resume', 'continue what was stopped')
    .option('--seed <n>', "seed of every random choice, in place of the config's", seedNumber)
    .option('--dry-run', 'read the config and the shapes of the tables, say what would be fused, and stop')
    .addOption(forceOption())
    .addHelpText(
      'after',
      examples('freebind fuse', 'freebind fuse starter.config.json --space vt --out spaces', 'freebind fuse --resume'),
    )
    .action((config: string | undefined, options: FuseOptions) => fuseConfig(config, options, session));
  for (const option of computeOptions()) command.addOption(option);
}

async function fuseConfig(path: string | undefined, options: FuseOptions, session: Session): Promise<void> {
  const { embedTable, fuse } = await import('@freebind/core/training');
  const { loadConfig } = await import('@freebind/core/config');
  const { checkPlugins, withConfigured } = await import('../backend.ts');
  const { describe } = await import('../describe.ts');
  const { follow, resumeLine } = await import('../follow.ts');
  const { openFuseJob, spacesToFuse } = await import('../jobs.ts');
  const { writeTiles } = await import('../rows.ts');
  const config = await loadConfig(path === undefined ? {} : { path });
  const names = spacesToFuse(config, options.space);
  // Every space is opened before the first is fused, so that a slip in the last one shows at once.
  const jobs: Awaited<ReturnType<typeof openFuseJob>>[] = [];
  try {
    for (const name of names) jobs.push(await openFuseJob(config, name, options));
    if (options.dryRun === true) {
      await checkPlugins(config, options);
      const spaces = jobs.map(({ options: { name, out, modalities, rows, training } }) => ({
        name,
        out,
        modalities: Object.fromEntries(
          Object.entries(modalities).map(([modality, views]) => [modality, [views].flat().map(({ source }) => source)]),
        ),
        ...(rows !== undefined && { rows: rows.length }),
        training,
      }));
      session.result({ type: 'plan', spaces }, spaces.map((space) => describe(space)).join('\n\n'));
      return;
    }
    await withConfigured(config, options, session, async (backend) => {
      const tables: string[] = [];
      const made: { readonly name: string; readonly path: string; readonly reused: boolean }[] = [];
      for (const job of jobs) {
        const events = fuse({
          ...job.options,
          backend,
          signal: session.signal,
          resume: options.resume === true,
          replace: options.force === true,
        });
        const { path: out, space, reused } = await follow(events, session, resumeLine('fuse', path, options.out));
        made.push({ name: space.manifest.id, path: out, reused });
        for (const { modality, input, path: table } of job.embed) {
          await writeTiles(
            embedTable(space, modality, input, { backend, signal: session.signal }),
            {
              out: table,
              cols: space.manifest.dimension,
              rows: input.rows,
              stage: `${space.manifest.id}: embed ${modality}`,
            },
            session,
          );
          tables.push(table);
        }
      }
      session.result(
        { type: 'result', spaces: made, tables },
        [...made.map(({ name, path: out }) => `${out}: space "${name}"`), ...tables].join('\n'),
      );
    });
  } finally {
    await Promise.all(jobs.map((job) => job.close()));
  }
}
