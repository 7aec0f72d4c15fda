import type { Backend } from '../backend.ts';
import { measureBackend } from '../backend-rates.ts';
import { FreebindError } from '../errors.ts';
import { HELD_BYTES } from '../training/held-tables.ts';
import { CHECKPOINT_SECONDS } from '../training/run.ts';
import { type DiskRates, Probe } from './probe.ts';
import type { Stage } from './stages.ts';
import {
  activationNumbers,
  operationsOf,
  stateNumbers,
  trainingStepOperations,
  type Work,
  writtenNumbers,
} from './work.ts';

/** A stage with what it will take on this machine. */
export interface PlannedStage {
  readonly name: string;
  /** Floating-point operations of its products. */
  readonly operations: number;
  readonly seconds: number;
  /** Most memory of the process, runtime and garbage included: what it was when this was tried, and what the whole work holds beyond that. */
  readonly memory: number;
  /** Bytes of float32 that it writes and that are there at once. */
  readonly disk: number;
}

/** What the probes are about, for people. */
export interface ProbedMachine {
  readonly backend: string;
  readonly device: string;
  /** 10⁹ operations a second of one product. */
  readonly matrix: number;
  readonly disk: DiskRates;
}

/** Plans stages on a backend: each kind and shape of work is tried for a second or two, and its time drawn out to its size. */
export async function predict(
  stages: readonly Stage[],
  backend: Backend,
  signal?: AbortSignal,
): Promise<{ readonly machine: ProbedMachine; readonly stages: readonly PlannedStage[] }> {
  const { matrix } = await measureBackend(backend);
  const probe = new Probe(backend, matrix);
  const disk = await probe.disk();
  const planned: PlannedStage[] = [];
  for (const { name, works, disk: bytes } of stages) {
    if (signal?.aborted === true)
      throw new FreebindError('FREEBIND_ABORTED', 'Planning was stopped.', { cause: signal.reason });
    let [seconds, memory] = [0, process.memoryUsage.rss()];
    for (const work of works) {
      const cost = await costOf(work, probe, disk);
      seconds += cost.seconds;
      const beyond = memoryOf(work) - memoryOf(cost.tried);
      memory = Math.max(memory, process.memoryUsage.rss() + Math.max(0, beyond));
    }
    planned.push({ name, operations: sum(works.map(operationsOf)), seconds, memory, disk: bytes });
  }
  const { id, device } = backend.manifest;
  return { machine: { backend: id, device, matrix, disk }, stages: planned };
}

/** Seconds of a work, and as how much of it it was tried. */
async function costOf(
  work: Work,
  probe: Probe,
  disk: DiskRates,
): Promise<{ readonly seconds: number; readonly tried: Work }> {
  const writing = 4 * writtenNumbers(work) * disk.write;
  switch (work.kind) {
    case 'check':
      return { seconds: work.rows * work.cols * disk.check, tried: work };
    case 'aggregate': {
      const { queries, line } = await probe.aggregation(work);
      const seconds = (work.queries / queries) * (line.fixed + line.each * work.bank) + writing;
      return { seconds, tried: { ...work, queries } };
    }
    case 'project':
      return { seconds: work.rows * (await probe.projection(work)) + writing, tried: work };
    case 'fit': {
      const line = await probe.fitting(work);
      return { seconds: line.fixed + line.each * work.rows, tried: work };
    }
    case 'train': {
      if (work.steps === 0) return { seconds: 0, tried: work };
      const { line, start, batch } = await probe.step(work);
      const steps = work.steps * (line.fixed + line.each * trainingStepOperations(work));
      const checkpoints = writing * (1 + Math.floor(steps / CHECKPOINT_SECONDS));
      const seconds = start + steps + checkpoints + tableBytes(work) * disk.read;
      return { seconds, tried: { ...work, batch, rows: batch } };
    }
  }
}

/**
 * Most bytes that a work holds. A step holds its activations and about as much again of their gradients, and
 * its state twice: what a step reads and what it writes.
 */
export function memoryOf(work: Work): number {
  switch (work.kind) {
    case 'check':
    case 'fit':
      return 4 * 2 ** 20 * 4;
    case 'aggregate':
      // A tile of queries and of results, two tiles of the bank of at most 32 MiB each, a block of scores and of weights.
      return 4 * (Math.min(work.queries, 4096) * (2 * work.keyCols + 3 * work.valueCols) + 2 * 2 ** 23 + 2 * 2 ** 22);
    case 'project':
      return 4 * (2 * operationsOf({ ...work, rows: 1 }) + Math.min(work.rows, 4096) * 8192);
    case 'train':
      return Math.min(tableBytes(work), HELD_BYTES) + 4 * (2 * stateNumbers(work) + 2 * activationNumbers(work));
  }
}

function tableBytes({ rows, tables }: Extract<Work, { readonly kind: 'train' }>): number {
  return 4 * rows * sum(Object.values(tables));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
