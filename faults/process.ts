import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../packages/cli/bin/freebind.js', import.meta.url));

/** How one run of freebind ended. */
export interface Ended {
  /** Exit status; null when it was killed. */
  readonly status: number | null;
  /** Code of the error that it named, `FREEBIND_INTERNAL` and crashes included. */
  readonly code: string | undefined;
  readonly stderr: string;
  readonly ms: number;
  /** When it first wrote something into its folder. */
  readonly firstWriteMs: number;
}

export interface RunOptions {
  readonly backend?: string | undefined;
  readonly killAfterMs?: number | undefined;
  readonly env?: Readonly<Record<string, string>>;
  /** Options of Node itself. */
  readonly node?: readonly string[];
  /** Called when the process has started. */
  readonly onStart?: () => void;
}

/** Runs the built program in `dir`, as people do, and waits for its end. */
export async function freebind(dir: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { backend = 'reference', killAfterMs, env, node = [] } = options;
  const started = performance.now();
  const before = namesIn(dir);
  let firstWriteMs = Infinity;
  const watcher = setInterval(() => {
    if (namesIn(dir) === before) return;
    firstWriteMs = performance.now() - started;
    clearInterval(watcher);
  }, 5);
  const child = spawn(process.execPath, [...node, BIN, ...args, '--quiet'], {
    cwd: dir,
    env: { ...process.env, NO_COLOR: '1', FREEBIND_BACKEND: backend, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  options.onStart?.();
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  clearTimeout(timer);
  clearInterval(watcher);
  const code = /^error (FREEBIND_\w+)/m.exec(stderr)?.[1];
  const ms = performance.now() - started;
  return { status, code, stderr, ms, firstWriteMs: Math.min(firstWriteMs, ms) };
}

/** What a shell is to run for the same. */
export function commandLine(args: readonly string[]): string {
  const quoted = [process.execPath, BIN, ...args, '--quiet'].map(
    (word) => `'${word.replaceAll("'", String.raw`'\''`)}'`,
  );
  return `exec ${quoted.join(' ')}`;
}

function namesIn(dir: string): string {
  return readdirSync(dir, { recursive: true }).join();
}
