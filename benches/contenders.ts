import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BackendChoice, BackendManifest, BackendRates } from '@freebind/core';
import { type Conversation, converse } from './conversation.ts';
import type { Contender } from './harness.ts';
import type { Size, Task } from './task.ts';

/** A backend or a peer with one task ready to run, in a process of its own. */
export interface OpenedContender extends Contender {
  /** With its device or version. */
  readonly name: string;
  /** Of its process when everything is ready. */
  readonly inputsMiB: number;
  /** What the last run gave to be compared with others. */
  readonly check: () => number | undefined;
  peakMiB(): Promise<number>;
  close(): void;
}

/** What is opened: a task at one of its sizes, and the files that go with it. */
export interface Job {
  readonly task: Task;
  readonly size: Size;
  readonly files: Readonly<Record<string, string>>;
}

/** A backend as its process found it. */
export interface MeasuredBackend {
  readonly choice: BackendChoice;
  readonly manifest: BackendManifest;
  readonly rates: BackendRates;
}

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** Starts a backend, measures it roughly and lets it go. @throws with the reason when it does not run here */
export async function measure(choice: BackendChoice, threads: number): Promise<MeasuredBackend> {
  const process_ = startBackend(choice, threads);
  try {
    const { manifest, rates } = await process_.ask({ do: 'measure' });
    return { choice, manifest: manifest as BackendManifest, rates: rates as BackendRates }; // as contender.ts answers
  } finally {
    process_.close();
  }
}

export function openBackend(choice: BackendChoice, threads: number, job: Job): Promise<OpenedContender> {
  return open(startBackend(choice, threads), job);
}

/**
 * glibc's malloc as PyTorch does best with it: tensors from the heap, and the heap kept. By default each tensor of a step
 * is mapped and unmapped anew, and a virtual machine that takes free pages back makes that cost more than the arithmetic.
 */
const KEEP_MEMORY = { MALLOC_MMAP_THRESHOLD_: String(2 ** 32), MALLOC_TRIM_THRESHOLD_: String(2 ** 33) };

/** Opens the task's peer, or says why there is none. */
export async function openPeer(threads: number, job: Job): Promise<OpenedContender | string> {
  const { peer } = job.task;
  if (peer === undefined) return 'none';
  const module = { pytorch: 'torch', faiss_flat: 'faiss' }[peer];
  const python = ['python3', '/usr/bin/python3'].find(
    (command) => spawnSync(command, ['-c', `import ${module}`], { stdio: 'ignore' }).status === 0,
  );
  if (python === undefined) return `none (no python3 with ${module} was found)`;
  const env = {
    ...process.env,
    OMP_NUM_THREADS: String(threads),
    OPENBLAS_NUM_THREADS: String(threads),
    ...KEEP_MEMORY,
  };
  return open(converse(python, ['-u', here(`peers/${peer}.py`), String(threads)], env), job);
}

function startBackend(choice: BackendChoice, threads: number): Conversation {
  const args = ['--import', 'jiti/register', here('contender.ts'), JSON.stringify(choice), String(threads)];
  return converse(process.execPath, args, process.env);
}

async function open(conversation: Conversation, { task, size, files }: Job): Promise<OpenedContender> {
  try {
    const { name, mib } = await conversation.ask({ do: 'open', task: task.name, size, files });
    let check: number | undefined;
    return {
      name: String(name),
      inputsMiB: Number(mib),
      check: () => check,
      run: async () => {
        const answer = await conversation.ask({ do: 'run' });
        check = typeof answer['check'] === 'number' ? answer['check'] : undefined;
        return Number(answer['ms']);
      },
      peakMiB: async () => Number((await conversation.ask({ do: 'peak' }))['mib']),
      close: () => conversation.close(),
    };
  } catch (error) {
    conversation.close();
    throw error;
  }
}
