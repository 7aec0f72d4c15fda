import type { Command } from 'commander';
import { examples } from '../options.ts';
import type { Session } from '../session.ts';

/** `freebind inspect`: what a file or folder holds. */
export function inspect(program: Command, session: Session): void {
  program
    .command('inspect')
    .description(
      'Shapes, dtypes, spaces and provenance of a table, weights, bond, fused space, table folder or config.',
    )
    .argument('<path>', 'file or folder')
    .addHelpText('after', examples('freebind inspect tables/unified.audio.npy', 'freebind inspect bonds'))
    .action(async (path: string) => {
      const { inspectPath } = await import('../inspection.ts');
      const { describe } = await import('../describe.ts');
      const found = await inspectPath(path);
      session.result(found, describe(found));
    });
}
