import type { Command } from 'commander';
import { formatBytes } from '../../bytes.ts';
import { examples } from '../../options.ts';
import type { Session } from '../../session.ts';

/** `freebind models remove`: takes models' files away. */
export function removeModels(command: Command, session: Session): void {
  command
    .command('remove')
    .description(
      "Delete models' files from freebind's own folder; your own exports and Hugging Face's cache stay as they are.",
    )
    .argument('<models...>', 'models, as `models list` names them')
    .option('--force', 'delete your own exports too, which nothing brings back')
    .addHelpText('after', examples('freebind models remove clap-unfused'))
    .action(async (names: readonly string[], { force }: { readonly force?: true }) => {
      const { findModel, nameOf, removeModel } = await import('@freebind/models');
      const { installedModels } = await import('../../installed-models.ts');
      const lists = await installedModels(process.cwd());
      const models = names.map((name) => findModel(lists, name));
      const removed = [];
      for (const model of models)
        removed.push({ model: nameOf(model), ...(await removeModel(model, { force: force === true })) });
      const kept = removed.flatMap((one) => one.kept);
      if (kept.length > 0) session.note(`Your own exports stay (--force deletes them): ${kept.join(', ')}.`);
      session.result(
        { removed },
        removed
          .map(({ model, paths, bytes }) =>
            paths.length === 0
              ? `${model}: nothing to delete`
              : `${model}: ${paths.length} files, ${formatBytes(bytes)}`,
          )
          .join('\n'),
      );
    });
}
