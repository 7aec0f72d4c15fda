import type { Command } from 'commander';
import { examples } from '../../options.ts';
import type { Session } from '../../session.ts';

/** `freebind models forget`: forgets what was recorded of models' files. */
export function forgetModels(command: Command, session: Session): void {
  command
    .command('forget')
    .description(
      'Forget the checksums that were recorded of files whose manifest has none, as for a new export. No file is touched; the next pull or verify records what is there then.',
    )
    .argument('<models...>', 'models, as `models list` names them')
    .addHelpText('after', examples('freebind models forget imagebind/huge'))
    .action(async (names: readonly string[]) => {
      const { findModel, forgetModel, nameOf } = await import('@freebind/models');
      const { installedModels } = await import('../../installed-models.ts');
      const lists = await installedModels(process.cwd());
      const models = names.map((name) => findModel(lists, name));
      const forgotten = [];
      for (const model of models) forgotten.push({ model: nameOf(model), paths: await forgetModel(model) });
      session.result(
        { forgotten },
        forgotten
          .map(({ model, paths }) =>
            paths.length === 0
              ? `${model}: nothing was recorded`
              : paths.map((path) => `${path}: forgotten`).join('\n'),
          )
          .join('\n'),
      );
    });
}
