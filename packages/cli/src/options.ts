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

/** What `computeOptions` gives an action. */
export interface ComputeOptions {
  readonly backend?: string;
  readonly threads?: number;
}

/** The options of every command that computes. */
export function computeOptions(): readonly Option[] {
  return [
    new Option(
      '--backend <name>',
      'where the arithmetic runs: onnx (default), auto (the fastest here), onnx:webgpu, reference, a package, or one with options: \'["reference", {"precision": "float64"}]\'',
    ).env('FREEBIND_BACKEND'),
    new Option('--threads <n>', 'threads of the backend (default: all cores)').argParser(whole(1)),
  ];
}

/** Ends the program as commander does for an option that is wrong. */
export function usage(command: Command, message: string): never {
  command.error(`error: ${message}`, { exitCode: 2, code: 'freebind.usage' });
}
