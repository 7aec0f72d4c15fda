import type { Command } from 'commander';
import { formatBytes } from '../../bytes.ts';
import { columns } from '../../columns.ts';
import { examples } from '../../options.ts';
import type { Session } from '../../session.ts';

/** `freebind models list`: all models of the spaces that are installed. */
export function listModels(command: Command, session: Session): void {
  command
    .command('list')
    .description('All models of the installed spaces: licence, source, what is here and what is missing.')
    .option('--models <dir>', 'a folder with model files, in place of the usual ones')
    .addHelpText('after', examples('freebind models list', 'freebind models list --json'))
    .action(async ({ models: folder }: { readonly models?: string }) => {
      const { allModels, nameOf, stateOf } = await import('@freebind/models');
      const { folderOf, installedHere } = await import('../../installed-models.ts');
      const found = [];
      const installed = await installedHere(process.cwd());
      for (const model of allModels(installed.map(({ models }) => models))) {
        const { description, licence, commercial, source, spaces = [] } = model.about;
        const files = (await stateOf(model, { folder: folder ?? folderOf(model, installed) })).map(
          ({ file, path, place, size, sizeFits }) => ({
            file: file.path,
            place,
            path,
            bytes: size ?? file.size,
            sizeFits,
            sha256: file.sha256,
            url: file.url,
            note: file.note,
          }),
        );
        found.push({ model: nameOf(model), spaces, description, licence, commercial, source, files });
      }
      session.result(
        { models: found },
        found.length === 0
          ? 'No space with models is installed. Install one: npm i @freebind/space-clap'
          : found.map(describe).join('\n\n'),
      );
    });
}

interface Listed {
  readonly model: string;
  readonly spaces: readonly string[];
  readonly description: string;
  readonly licence: string;
  readonly commercial: boolean | null;
  readonly source: string;
  readonly files: readonly {
    readonly file: string;
    readonly place: string;
    readonly bytes: number | null;
    readonly sizeFits: boolean;
    readonly url: string | null;
  }[];
}

function describe({ model, spaces, description, licence, commercial, source, files }: Listed): string {
  const missing = files.filter(({ place }) => place === 'missing');
  const use = commercial === null ? '' : commercial ? '' : ', not for commercial use';
  const rows = files.map(({ file, place, bytes, sizeFits, url }) => [
    `  ${file}`,
    bytes === null ? 'size unknown' : formatBytes(bytes),
    sizeFits ? (place === 'missing' && url === null ? 'to be exported' : place) : 'of the wrong size',
  ]);
  return [
    `${model}  (${spaces.join(', ')})  ${missing.length === 0 ? 'complete' : `${missing.length} of ${files.length} files missing`}`,
    `  ${description}`,
    `  ${licence}${use}; ${source}`,
    columns(rows),
  ].join('\n');
}
