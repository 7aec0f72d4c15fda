import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, onTestFinished } from 'vitest';

const BIN = fileURLToPath(new URL('../bin/freebind.js', import.meta.url));

/** Path of a file that NumPy made, see fixtures/numpy/make.py. */
export function numpy(path: string): string {
  return fileURLToPath(new URL(`../../../fixtures/numpy/${path}`, import.meta.url));
}

/** What one run of the program did. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run it. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly node?: readonly string[];
  /** Called at once with what ends the process. */
  readonly onStart?: (kill: (signal: NodeJS.Signals) => void) => void;
  /** Called with everything that came on stdout so far, and the process. */
  readonly onOutput?: (stdout: string, kill: (signal: NodeJS.Signals) => void) => void;
  /** The same for stderr. */
  readonly onError?: (stderr: string, kill: (signal: NodeJS.Signals) => void) => void;
}

/** Runs the built program as people do, in a process of its own. */
export function freebind(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [...(options.node ?? []), BIN, ...args], {
    cwd: options.cwd ?? tmpdir(),
    // The reference backend starts at once; what is particular to onnx is tested where it is.
    env: { ...process.env, NO_COLOR: '1', FREEBIND_BACKEND: 'reference', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const outcome = { stdout: '', stderr: '' };
  let killed = false; // a second signal would end it at once
  const kill = (signal: NodeJS.Signals): void => {
    if (!killed) child.kill(signal);
    killed = true;
  };
  options.onStart?.(kill);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    outcome.stdout += text;
    options.onOutput?.(outcome.stdout, kill);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    outcome.stderr += text;
    options.onError?.(outcome.stderr, kill);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, ...outcome }));
  });
}

/** The one JSON document on stdout. */
export function documentOf({ stdout }: Outcome): unknown {
  const lines = stdout.trimEnd().split('\n');
  if (lines.length !== 1) throw new Error(`Expected one line of JSON, got ${lines.length}:\n${stdout}`);
  return JSON.parse(stdout);
}

/** A folder that is gone after the test. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'freebind-cli-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A folder that is gone after the file's last test. */
export function suiteScratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'freebind-cli-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
