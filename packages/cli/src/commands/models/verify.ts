import type { Command } from 'commander';
import type * as Models from '@freebind/models';
import { examples } from '../../options.ts';
import type { Session } from '../../session.ts';

/** `freebind models verify`: checksums of models' files. */
export function verifyModels(command: Command, session: Session): void {
  command
    .command('verify')
    .description(
      'Read the files of models and compare their sha256 with the manifest, or with what was recorded when they came. Fails if a file differs or is missing.',
    )
    .argument('<models...>', 'models, as `models list` names them')
    .option('--models <dir>', 'a folder with model files, in place of the usual ones')
    .addHelpText('after', examples('freebind models verify clap-unfused', 'freebind models verify imagebind --json'))
    .action(async (names: readonly string[], { models: folder }: { readonly models?: string }) => {
      const { findModel, nameOf, verifyModel } = await import('@freebind/models');
      const { folderOf, installedHere } = await import('../../installed-models.ts');
      const installed = await installedHere(process.cwd());
      const lists = installed.map(({ models }) => models);
      const models = names.map((name) => findModel(lists, name));
      const progress = await session.progress();
      const results = [];
      try {
        for (const model of models) {
          const files = await verifyModel(model, {
            folder: folder ?? folderOf(model, installed),
            signal: session.signal,
            onBytes: (stage, done, total) => progress.update({ stage, done, total, unit: 'bytes' }),
          });
          results.push({ model: nameOf(model), files });
        }
      } finally {
        progress.stop();
      }
      const all = results.flatMap(({ files }) => files);
      session.result({ verified: results }, all.map(describe).join('\n'));
      if (all.some(({ status }) => status === 'differs' || status === 'missing')) session.fail();
    });
}

function describe({ path, status, sha256, expected, by }: Models.Verified): string {
  if (status === 'same') return `${path}: as the ${by} says`;
  if (status === 'missing') return `${path}: missing`;
  if (status === 'differs')
    return `${path}: DIFFERS: ${sha256 ?? 'it'} is not the ${by}'s ${expected}. Remove it and pull it again; of a new export of yours, forget the old one (freebind models forget).`;
  if (status === 'unknown') return `${path}: sha256 ${sha256}; nothing to compare it with`;
  return `${path}: sha256 ${sha256} recorded; nothing was known of it before, so this tells only whether it changes later`;
}
