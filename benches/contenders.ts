import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BackendChoice, BackendManifest, BackendRates } from '@freebind/core';
import { type Conversation, converse } from './conversation.ts';
import type { Contender } from './harness.ts';
import type { Peer, Size, Task } from './task.ts';

/** A backend or a peer with one task ready to run, in a process of its own. */
export interface OpenedContender extends Contender {
  /** With its device or version. */
  readonly name: string;
  /** Of its process when everything is ready. */
  readonly inputsMiB: number;
  /** What the last run gave to be compared with others. */
  readonly check: () => number | undefined;
  /** How busy it kept the cores, of each run so far; none for a peer. */
  readonly busy: readonly number[];
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
  const process_ = startOwn(choice, threads);
  try {
    const { manifest, rates } = await process_.ask({ do: 'measure' });
    return { choice, manifest: manifest as BackendManifest, rates: rates as BackendRates }; // as contender.ts answers
  } finally {
    process_.close();
  }
}

/** Opens a task on a backend, or, with null, one that needs none. */
export function openOwn(choice: BackendChoice | null, threads: number, job: Job): Promise<OpenedContender> {
  return open(startOwn(choice, threads), job);
}

/**
 * glibc's malloc as PyTorch does best with it: tensors from the heap, and the heap kept. By default each tensor of a step
 * is mapped and unmapped anew, and a virtual machine that takes free pages back makes that cost more than the arithmetic.
 */
const KEEP_MEMORY = { MALLOC_MMAP_THRESHOLD_: String(2 ** 32), MALLOC_TRIM_THRESHOLD_: String(2 ** 33) };

/** What a peer needs: a module of Python, or a package of npm that this repository does not install. */
const NEEDS: Readonly<Record<Peer, { readonly python: string } | { readonly npm: string }>> = {
  pytorch: { python: 'torch' },
  faiss_flat: { python: 'faiss' },
  preprocess: { python: 'PIL, torchaudio' },
  transformers_js: { npm: '@huggingface/transformers' },
};

/** Opens the task's peer, or says why there is none. */
export async function openPeer(threads: number, job: Job): Promise<OpenedContender | string> {
  const { peer } = job.task;
  if (peer === undefined) return 'none';
  const needs = NEEDS[peer];
  if ('npm' in needs) {
    if (!isInstalled(needs.npm)) return `none (npm install --no-save ${needs.npm} brings it)`;
    const args = ['--import', 'jiti/register', here(`peers/${peer}.ts`)];
    return open(converse(process.execPath, args, process.env), job);
  }
  const python = ['python3', '/usr/bin/python3'].find(
    (command) => spawnSync(command, ['-c', `import ${needs.python}`], { stdio: 'ignore' }).status === 0,
  );
  if (python === undefined) return `none (no python3 with ${needs.python} was found)`;
  const env = {
    ...process.env,
    OMP_NUM_THREADS: String(threads),
    OPENBLAS_NUM_THREADS: String(threads),
    ...KEEP_MEMORY,
  };
  return open(converse(python, ['-u', here(`peers/${peer}.py`), String(threads)], env), job);
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}

function startOwn(choice: BackendChoice | null, threads: number): Conversation {
  const args = ['--import', 'jiti/register', here('contender.ts'), JSON.stringify(choice), String(threads)];
  return converse(process.execPath, args, process.env);
}

async function open(conversation: Conversation, { task, size, files }: Job): Promise<OpenedContender> {
  try {
    const { name, mib } = await conversation.ask({ do: 'open', task: task.name, size, files });
    let check: number | undefined;
    const busy: number[] = [];
    return {
      name: String(name),
      inputsMiB: Number(mib),
      check: () => check,
      busy,
      run: async () => {
        const answer = await conversation.ask({ do: 'run' });
        check = typeof answer['check'] === 'number' ? answer['check'] : undefined;
        if (typeof answer['busy'] === 'number') busy.push(answer['busy']);
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
