import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { createProgram } from '../src/program.ts';
import { Session } from '../src/session.ts';

const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
const program = createProgram(new Session(streams, new AbortController().signal));
const commands = program.commands.filter((command) => command.name() !== 'help');
const partsOf = (command: Command): readonly Command[] => command.commands.filter((part) => part.name() !== 'help');

/** What `--help` prints, however wide the terminal of this run is. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (part) => (text += part),
    getOutHelpWidth: () => 100,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trimEnd();
}

describe('help', () => {
  test('is there for every command of the program', () => {
    expect(commands.map((command) => command.name())).toEqual(
      'embed project aggregate fuse train plan compose tune eval retrieve import inspect models new conform doctor quickstart'.split(
        ' ',
      ),
    );
  });

  test.each(commands.map((command) => [command.name(), command] as const))(
    'of %s shows an example',
    (name, command) => {
      expect(helpOf(command)).toContain(`$ freebind ${name}`);
      for (const part of partsOf(command)) expect(helpOf(part)).toContain(`$ freebind ${name} ${part.name()}`);
    },
  );

  // `npx vitest run packages/cli/test/help.test.ts -u` writes the page anew.
  test('is what docs/cli.md says', async () => {
    const page = [
      '# The command line',
      'Written from `--help` by `packages/cli/test/help.test.ts`, which also tests that it is current.',
      `\`\`\`text\n${helpOf(program)}\n\`\`\``,
      ...commands.flatMap((command) => [
        `## freebind ${command.name()}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\``,
        ...partsOf(command).map(
          (part) => `### freebind ${command.name()} ${part.name()}\n\n\`\`\`text\n${helpOf(part)}\n\`\`\``,
        ),
      ]),
    ].join('\n\n');
    await expect(`${page}\n`).toMatchFileSnapshot('../../../docs/cli.md');
  });
});
