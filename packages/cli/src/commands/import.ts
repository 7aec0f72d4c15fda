import type { Command } from 'commander';
import { examples, forceOption } from '../options.ts';
import type { Session } from '../session.ts';

interface ImportOptions {
  readonly variant: string;
  readonly out: string;
  readonly force?: true;
}

/** `freebind import`: FreeBind's published projectors as bonds. */
export function importBonds(program: Command, session: Session): void {
  program
    .command('import')
    .description("Turn a folder of FreeBind's published .pt projectors into bonds; nothing in the files is run.")
    .argument('<dir>', 'folder of .pt files')
    .requiredOption('--variant <name>', 'which published variant the bonds are for: imagebind++, internvl_ib, …')
    .requiredOption('--out <dir>', 'folder for the bonds')
    .addOption(forceOption())
    .addHelpText('after', examples('freebind import checkpoints --variant imagebind++ --out bonds'))
    .action(async (folder: string, { variant, out, force }: ImportOptions) => {
      const { importVariant } = await import('@freebind/torch');
      const bonds = await importVariant(folder, variant, out, { replace: force === true });
      session.result({ variant, bonds }, bonds.map(({ id, path }) => `${path}: bond "${id}"`).join('\n'));
    });
}
