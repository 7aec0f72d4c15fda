import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { interleave, median, spread } from './harness.ts';
import type { Found } from './results.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const BIN = fileURLToPath(new URL('../packages/cli/bin/freebind.js', import.meta.url));

/** What is started, and how many milliseconds it may take. An import's are those within a process that runs already. */
const STARTS: readonly { readonly name: string; readonly args: readonly string[]; readonly most: number }[] = [
  { name: 'freebind --version', args: [BIN, '--version'], most: 120 },
  { name: 'freebind --help', args: [BIN, '--help'], most: 150 },
  {
    name: "import '@freebind/core'",
    args: [
      '--input-type=module',
      '-e',
      "const start = performance.now(); await import('@freebind/core'); console.log(performance.now() - start);",
    ],
    most: 50,
  },
];

/** Starts the built program again and again, in turn with a Node that does nothing. */
export async function startUp({ smallest }: { readonly smallest: boolean }): Promise<Found> {
  const bare = { name: 'node -e 0, for comparison', args: ['-e', '0'], most: undefined };
  const starts = [...STARTS, bare];
  const times = await interleave(
    starts.map(({ args }) => ({ run: async () => time(args) })),
    { most: smallest ? 3 : 31, least: 3, seconds: 60 },
  );
  const findings = starts.map(({ name, most }, i) => {
    const ms = times[i] ?? [];
    const figures = { 'median, ms': median(ms), '±, %': 50 * spread(ms), ...(most && { 'at most, ms': most }) };
    return { script: 'start-up', what: name, figures };
  });
  return { findings };
}

/** Milliseconds of a process, or what it says itself of a part. */
function time(args: readonly string[]): number {
  const start = performance.now();
  const { stdout, status } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with status ${status}.`);
  const said = Number(stdout.trim() || Number.NaN);
  return Number.isFinite(said) ? said : performance.now() - start;
}
