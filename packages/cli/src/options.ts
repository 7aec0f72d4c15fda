import { type Command, InvalidArgumentError, Option } from 'commander';

/** Help text that shows how a command is typed. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}

/** A whole number from `least` to `most`. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const n = Number(text);
    if (Number.isSafeInteger(n) && n >= least && n <= most && text.trim() !== '') return n;
    const wanted = n > most ? `from ${least} to ${most}` : `of at least ${least}`;
    throw new InvalidArgumentError(`Expected a whole number ${wanted}.`);
  };
}

/** A seed, as configs take it too. */
export const seedNumber = whole(0, 2 ** 32 - 1);

/** `i/n`: shard i of n, from 0. */
export function shard(text: string): { readonly index: number; readonly count: number } {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  if (index === undefined || count === undefined || Number(index) >= Number(count))
    throw new InvalidArgumentError('Expected i/n, shards of n being numbered 0 to n − 1, such as 0/4.');
  return { index: Number(index), count: Number(count) };
}

/** A finite number above 0. */
export function positive(text: string): number {
  const n = Number(text);
  if (!Number.isFinite(n) || n <= 0) throw new InvalidArgumentError('Expected a number above 0.');
  return n;
}

/** `--force`: the one way to write over something. */
export function forceOption(): Option {
  return new Option('-f, --force', 'replace the output if it is there');
}

/** What `encoderOptions` and `feedOptions` give an action, in place of what the config says of the spaces that are opened. */
export interface SpaceOptions {
  readonly models?: string;
  readonly device?: string;
  readonly precision?: string;
  readonly threads?: number;
  readonly workers?: number;
  readonly batch?: number;
}

/** The options of every command that embeds: which graphs run, and where. `when` says when they count, where they do not always. */
export function encoderOptions(when = ''): readonly Option[] {
  return [
    new Option('--models <dir>', `${when}folder with the ONNX files, vocabularies and external data of the spaces`),
    new Option('--device <name>', `${when}where the encoders run: cpu, cuda, webgpu (default: cpu)`),
    new Option('--precision <name>', `${when}which graphs run (default: fp32)`).choices(['fp32', 'fp16', 'q8']),
  ];
}

/** The options of commands that embed many inputs: how they come to the graphs. */
export function feedOptions(when = ''): readonly Option[] {
  return [
    new Option('--workers <n>', `${when}threads that decode and prepare (default: one a core)`).argParser(whole(1)),
    new Option('--batch <n>', `${when}inputs of one batch (default: 16)`).argParser(whole(1)),
  ];
}

/** What `computeOptions` gives an action. */
export interface ComputeOptions {
  readonly backend?: string;
  readonly threads?: number;
}

/** The options of every command that computes. `threaded` is what `--threads` is the number of threads of. */
export function computeOptions(threaded = 'the backend'): readonly Option[] {
  return [
    new Option(
      '--backend <name>',
      'where the arithmetic runs: onnx (default), auto (the fastest here), onnx:webgpu, reference, a package, or one with options: \'["reference", {"precision": "float64"}]\'',
    ).env('FREEBIND_BACKEND'),
    new Option('--threads <n>', `threads of ${threaded} (default: all cores)`).argParser(whole(1)),
  ];
}

/** Ends the program as commander does for an option that is wrong. */
export function usage(command: Command, message: string): never {
  command.error(`error: ${message}`, { exitCode: 2, code: 'freebind.usage' });
}
