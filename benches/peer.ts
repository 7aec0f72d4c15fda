import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Contender } from './harness.ts';

/** PyTorch in a process of its own that waits between runs. */
export interface Peer {
  /** `PyTorch 1.13.0, 2 threads`. */
  readonly name: string;
  /** One run of a task of `peers/pytorch.py`. */
  readonly contender: (task: string) => Contender;
  readonly close: () => void;
}

/** Starts PyTorch from the first python that has it, or says why there is none. */
export async function openPeer(threads: number): Promise<Peer | string> {
  const python = ['python3', '/usr/bin/python3'].find(
    (command) => spawnSync(command, ['-c', 'import torch'], { stdio: 'ignore' }).status === 0,
  );
  if (python === undefined) return 'none (no python3 with torch was found)';
  const script = fileURLToPath(new URL('peers/pytorch.py', import.meta.url));
  const env = { ...process.env, OMP_NUM_THREADS: String(threads), OPENBLAS_NUM_THREADS: String(threads) };
  const child = spawn(python, ['-u', script, String(threads)], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const ask = conversation(child);
  const name = await ask('name');
  return {
    name,
    contender: (task) => ({ name: `PyTorch ${task}`, run: async () => Number(await ask(task)) }),
    close: () => child.stdin.end(),
  };
}

/** One line out, one line in. */
function conversation(
  child: Pick<ChildProcessWithoutNullStreams, 'stdin' | 'stdout'>,
): (line: string) => Promise<string> {
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async (line) => {
    child.stdin.write(`${line}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error(`PyTorch ended instead of answering "${line}".`);
    return value;
  };
}
