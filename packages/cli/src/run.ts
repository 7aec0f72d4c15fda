import { CommanderError } from 'commander';
import { describeError } from './errors.ts';
import { INTERRUPTED, Interrupt } from './interrupt.ts';
import { createProgram } from './program.ts';
import { Session } from './session.ts';

/** Exit statuses of the program; signals give 130 (Ctrl-C), 143 and 129. */
const OK = 0;
const FAILED = 1;
const USAGE = 2;
/** Node's own status for an unfinished top-level await. */
const UNSETTLED = 13;

/** Runs the command line `argv` (without node and script) and gives the exit status. */
export async function run(argv: readonly string[]): Promise<number> {
  quietOnClosedPipe();
  const interrupt = new Interrupt();
  const session = new Session(process, interrupt.signal);
  interrupt.listen((text) => session.note(text));
  const unwatch = watchForLostWork(session);
  try {
    await createProgram(session).parseAsync(argv, { from: 'user' });
    return session.failed ? FAILED : OK;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return OK;
      // Commander has printed it for people, and may not have come to --json.
      if (argv.includes('--json')) session.speak({ json: true });
      const message = error.code === 'commander.help' ? 'A command is missing.' : error.message.replace(/^error: /, '');
      session.line({ error: { code: 'FREEBIND_ARGUMENT_INVALID', message } });
      return USAGE;
    }
    const { code, message, text } = await describeError(error, session.manner.debug ?? argv.includes('--debug'));
    session.complain(text);
    session.line({ error: { code, message } });
    return code === 'FREEBIND_ABORTED' ? (interrupt.status ?? INTERRUPTED) : FAILED;
  } finally {
    unwatch();
  }
}

/** Node ends quietly when nothing is left that could settle a promise, say because a backend's worker died; say so. */
function watchForLostWork(session: Session): () => void {
  const tell = (status: number): void => {
    if (status !== UNSETTLED) return; // a closed pipe
    session.complain(
      'error FREEBIND_BACKEND_FAILED: The work ended without a result; something under it died silently.',
    );
    process.exitCode = FAILED;
  };
  process.on('exit', tell);
  return () => process.off('exit', tell);
}

/**
 * `freebind … | head` closes our stdout early; that is not an error of ours. A terminal that is gone is none either: SIGHUP says
 * so too, and the work is to stop where it can continue. The same code from a file is a disk that fails, and what was said is lost.
 */
function quietOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(OK);
      if (error.code !== 'EIO' || !stream.isTTY) throw error;
    });
  }
}
