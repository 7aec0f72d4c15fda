import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Job, type MeasuredBackend, openOwn, openPeer, type OpenedContender } from './contenders.ts';
import { gflops, interleave, longestRun, median, pairedRatio, type Rounds, type Row, spread } from './harness.ts';
import { sizeFor } from './size-for.ts';
import { type BackendTask, countsItems, type Size, type Task } from './task.ts';
import { taskOf } from './tasks/index.ts';

/** What one run of the bench is asked for. */
export interface BenchOptions {
  readonly rounds: Rounds;
  readonly threads: number;
  /** Every task at its smallest size: to see that the harness works. */
  readonly smallest: boolean;
  /** Told of what is left out, and why. */
  readonly note: (text: string) => void;
}

/** How far two float32 sums of the same scores may be from each other: they are of some thousand terms of one sign. */
const SAME = 1e-4;

/** Every backend on one task, those that take the same size in one group with the peer, their runs alternating; or a task that needs none. */
export async function* bench(
  task: Task,
  backends: readonly MeasuredBackend[],
  options: BenchOptions,
): AsyncGenerator<Row, void, undefined> {
  const groups = new Map<Size, (MeasuredBackend | null)[]>();
  for (const backend of countsItems(task) ? [null] : backends) {
    const size = sizeFor(task, backend, longestOf(options));
    groups.set(size, [...(groups.get(size) ?? []), backend]);
  }
  const folder = await mkdtemp(join(tmpdir(), 'freebind-bench-'));
  try {
    for (const size of task.sizes.filter((one) => groups.has(one))) {
      const files = (await task.prepare?.(size, folder)) ?? {};
      yield* benchGroup({ task, size, files }, groups.get(size) ?? [], options);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A backend with the task, and with the matrix product that its rate is a share of. */
interface Entry {
  readonly own: OpenedContender;
  readonly matrix?: OpenedContender;
  readonly matrixOperations: number;
}

async function* benchGroup(
  job: Job,
  backends: readonly (MeasuredBackend | null)[],
  options: BenchOptions,
): AsyncGenerator<Row, void, undefined> {
  const entries: Entry[] = [];
  let peer: OpenedContender | string = 'none';
  try {
    for (const backend of backends) entries.push(...(await openEntry(job, backend, options)));
    if (entries.length === 0) return;
    peer = await openPeer(options.threads, job);
    const peers = typeof peer === 'string' ? [] : [peer];
    const contenders = [...entries.flatMap(({ own, matrix }) => (matrix ? [own, matrix] : [own])), ...peers];
    const times = await interleave(contenders, options.rounds);
    const timesOf = (one: OpenedContender | undefined): readonly number[] | undefined =>
      one && times[contenders.indexOf(one)];
    const peerTimes = typeof peer === 'string' ? undefined : timesOf(peer);
    for (const { own, matrix, matrixOperations } of entries) {
      if (typeof peer !== 'string') checkSame(own, peer);
      const [ms, matrixMs] = [timesOf(own) ?? [], timesOf(matrix)];
      const matrixRate = matrixMs ? gflops(matrixOperations, median(matrixMs)) : null;
      yield {
        task: job.task.describe(job.size),
        backend: own.name,
        peer: typeof peer === 'string' ? peer : peer.name,
        medianMs: median(ms),
        ...ratesOf(job, median(ms)),
        busy: median(own.busy.slice(-ms.length)),
        ratio: peerTimes ? pairedRatio(ms, peerTimes) : null,
        spread: spread(ms),
        matrixGflops: matrixRate,
        share: matrixMs ? pairedRatio(matrixMs, ms) * (operationsOf(job) / matrixOperations) : null,
        peakMiB: await own.peakMiB(),
        inputsMiB: own.inputsMiB,
        peerMedianMs: peerTimes ? median(peerTimes) : null,
        peerPeakMiB: typeof peer === 'string' ? null : await peer.peakMiB(),
        rounds: ms.length,
      };
    }
  } finally {
    for (const { own, matrix } of entries) {
      own.close();
      matrix?.close();
    }
    if (typeof peer !== 'string') peer.close();
  }
}

/** Operations or items a second. */
function ratesOf({ task, size }: Job, ms: number): Pick<Row, 'gflops' | 'itemsPerSecond'> {
  if (countsItems(task)) return { gflops: null, itemsPerSecond: (1000 * task.items(size)) / ms };
  return { gflops: gflops(task.operations(size), ms) };
}

function operationsOf({ task, size }: Job): number {
  return countsItems(task) ? Number.NaN : task.operations(size);
}

/** Seconds of a run at most; 0 for the smallest size. */
function longestOf({ smallest, rounds }: BenchOptions): number {
  return smallest ? 0 : longestRun(rounds);
}

/** Opens the task on a backend; one that cannot do it is left out with a word. */
async function openEntry(job: Job, backend: MeasuredBackend | null, options: BenchOptions): Promise<readonly Entry[]> {
  const { threads, note } = options;
  if (backend === null) return [{ own: await openOwn(null, threads, job), matrixOperations: 0 }];
  let own: OpenedContender;
  try {
    own = await openOwn(backend.choice, threads, job);
  } catch (error) {
    note(
      `${job.task.name} is left out on ${backend.manifest.id}: ${error instanceof Error ? error.message : String(error)}`,
    );
    return [];
  }
  // It is one that backends do.
  const task = taskOf('matrix') as BackendTask;
  if (job.task === task) return [{ own, matrixOperations: 0 }];
  const size = sizeFor(task, backend, longestOf(options));
  const matrix = await openOwn(backend.choice, threads, { task, size, files: {} });
  return [{ own, matrix, matrixOperations: task.operations(size) }];
}

/** A bench of something else than the peer does would tell nothing. */
function checkSame(own: OpenedContender, peer: OpenedContender): void {
  const [ours, theirs] = [own.check(), peer.check()];
  if (ours === undefined || theirs === undefined || Math.abs(ours - theirs) <= SAME * Math.abs(theirs)) return;
  throw new Error(`${own.name} found ${ours} where ${peer.name} found ${theirs}; they did not compute the same.`);
}
