import type { Command } from 'commander';
import { formatBytes } from '../../bytes.ts';
import { examples } from '../../options.ts';
import type { Session } from '../../session.ts';

/** `freebind models remove`: takes models' files away. */
export function removeModels(command: Command, session: Session): void {
  command
    .command('remove')
    .description("Delete models' files from freebind's own folder; Hugging Face's cache stays as it is.")
    .argument('<models...>', 'models, as `models list` names them')
    .addHelpText('after', examples('freebind models remove clap-unfused'))
    .action(async (names: readonly string[]) => {
      const { findModel, nameOf, removeModel } = await import('@freebind/models');
      const { installedModels } = await import('../../installed-models.ts');
      const lists = await installedModels(process.cwd());
      const models = names.map((name) => findModel(lists, name));
      const removed = [];
      for (const model of models) removed.push({ model: nameOf(model), ...(await removeModel(model)) });
      session.result(
        { removed },
        removed
          .map(({ model, paths, bytes }) =>
            paths.length === 0
              ? `${model}: nothing was there`
              : `${model}: ${paths.length} files, ${formatBytes(bytes)}`,
          )
          .join('\n'),
      );
    });
}
