import { join } from 'node:path';
import { Argument, type Command } from 'commander';
import { examples } from '../options.ts';
import type { Kind } from '../scaffold.ts';
import type { Session } from '../session.ts';

/** `freebind new`: a plugin to start from. */
export function newPlugin(program: Command, session: Session): void {
  program
    .command('new')
    .description(
      'Write the package of a space or a backend of your own: one that works and passes its tests, to be changed.',
    )
    .addArgument(new Argument('<kind>', 'what it is').choices(['space', 'backend']))
    .argument('<name>', 'its id: small letters, digits and hyphens')
    .option('--out <dir>', 'folder to write (default: freebind-NAME)')
    .addHelpText(
      'after',
      examples(
        'freebind new space birds',
        'freebind new space birds --out packages/space-birds',
        'freebind new backend my-backend',
      ),
    )
    .action(async (kind: Kind, name: string, { out }: { readonly out?: string }) => {
      const { scaffold } = await import('../scaffold.ts');
      const dir = out ?? `freebind-${name}`;
      const files = await scaffold(kind, name, dir, { version: program.version() ?? '' });
      session.result(
        { [kind]: name, package: `freebind-${name}`, out: dir, files },
        [
          ...files.map((file) => join(dir, file)),
          '',
          `Next: cd ${dir} && npm install && npm test`,
          // As long as nothing of freebind is published.
          `freebind is not on npm yet; in a clone of it, give --out packages/${kind}-${name}, then: npm install && npm test -w freebind-${name}`,
        ].join('\n'),
      );
    });
}
