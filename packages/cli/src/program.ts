import { Command } from 'commander';
import { aggregate } from './commands/aggregate.ts';
import { compose } from './commands/compose.ts';
import { conform } from './commands/conform.ts';
import { doctor } from './commands/doctor.ts';
import { embed } from './commands/embed.ts';
import { evaluate } from './commands/eval.ts';
import { fuse } from './commands/fuse.ts';
import { importBonds } from './commands/import.ts';
import { inspect } from './commands/inspect.ts';
import { models } from './commands/models/index.ts';
import { newPlugin } from './commands/new.ts';
import { plan } from './commands/plan.ts';
import { project } from './commands/project.ts';
import { quickstart } from './commands/quickstart.ts';
import { retrieve } from './commands/retrieve.ts';
import { train } from './commands/train.ts';
import { tune } from './commands/tune.ts';
import { usage } from './options.ts';
import type { Manner, Session } from './session.ts';
import { version } from './version.ts';

/** The program with all its commands; commander's own messages and exits included. */
export function createProgram(session: Session): Command {
  const program = new Command('freebind')
    .description('Bind pretrained multimodal spaces: embed files, and fuse, train, compose and evaluate on the tables.')
    .version(version(), '-V, --version')
    .option(
      '--json',
      'print one JSON document on stdout (embed, train, fuse and quickstart: JSON lines, the result last)',
    )
    .option('-q, --quiet', 'print results and errors only')
    .option('--debug', 'print stack traces and causes with errors')
    .addHelpText('after', EXIT_STATUS)
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(add --help for what the command takes)')
    .exitOverride()
    .hook('preAction', (_, command) => {
      session.speak(command.optsWithGlobals<Manner>());
      refuseEmpty(command);
    });

  // Commands inherit the program's settings when they are made, so they come last.
  for (const add of [
    embed,
    project,
    aggregate,
    fuse,
    train,
    plan,
    compose,
    tune,
    evaluate,
    retrieve,
    importBonds,
    inspect,
    models,
    newPlugin,
    conform,
    doctor,
    quickstart,
  ])
    add(program, session);
  return program;
}

/** Refuses empty paths, which a shell makes of variables that are not set, and which would mean the working directory. */
function refuseEmpty(command: Command): void {
  const option = command.options.find(
    (one) => /<(dir|file)/.test(one.flags) && command.getOptionValue(one.attributeName()) === '',
  );
  const argument = command.registeredArguments[command.args.indexOf('')];
  const empty = option?.flags ?? (argument && `<${argument.name()}>`);
  if (empty !== undefined) usage(command, `${empty} is empty; is a variable not set?`);
}

const EXIT_STATUS = `
Exit status: 0 done, 1 refused or failed (error FREEBIND_…), 2 wrong usage,
stopped 130 by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP (a closed session).
Start with:
  $ freebind doctor
  $ freebind quickstart`;
