import type { Command } from 'commander';
import { examples } from '../../options.ts';
import type { Session } from '../../session.ts';

/** `freebind models path`: where a model's files are, or belong. */
export function modelPath(command: Command, session: Session): void {
  command
    .command('path')
    .description("Where a model's files are, or belong: one path a line. Fails if one is missing.")
    .argument('<model>', 'model, as `models list` names it')
    .argument('[file]', 'only this file of it')
    .option('--models <dir>', 'a folder with model files, in place of the usual ones')
    .addHelpText(
      'after',
      examples('freebind models path clap/music', 'freebind models path imagebind imagebind_text.onnx'),
    )
    .action(async (name: string, file: string | undefined, { models: folder }: { readonly models?: string }) => {
      const { FreebindError } = await import('@freebind/core');
      const { findModel, stateOf } = await import('@freebind/models');
      const { folderOf, installedHere } = await import('../../installed-models.ts');
      const installed = await installedHere(process.cwd());
      const model = findModel(
        installed.map(({ models }) => models),
        name,
      );
      const all = await stateOf(model, { folder: folder ?? folderOf(model, installed) });
      const wanted = all.filter((state) => file === undefined || state.file.path === file);
      if (wanted.length === 0)
        throw new FreebindError(
          'FREEBIND_ARGUMENT_INVALID',
          `${name} has no file ${file}; it has ${all.map((state) => state.file.path).join(', ')}.`,
        );
      const paths = wanted.map(({ file: { path: of }, path, place }) => ({ file: of, path, place }));
      session.result({ paths }, paths.map(({ path }) => path).join('\n'));
      if (paths.some(({ place }) => place === 'missing')) session.fail();
    });
}
