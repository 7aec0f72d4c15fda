import type { Backend } from '../backend.ts';
import { measureBackend } from '../backend-rates.ts';
import { FreebindError } from '../errors.ts';
import { KEPT } from '../training/checkpoint.ts';
import { CHECKPOINT_SECONDS } from '../training/run.ts';
import { DiskSpace } from './disk-space.ts';
import { memoryOfStages } from './memory.ts';
import { type DiskRates, Probe } from './probe.ts';
import type { Stage } from './stages.ts';
import { operationsOf, tableBytes, trainingStepOperations, type Work, writtenNumbers } from './work.ts';

/** A stage with what it will take on this machine. */
export interface PlannedStage {
  readonly name: string;
  /** Floating-point operations of its products. */
  readonly operations: number;
  readonly seconds: number;
  /** Most memory of the process, runtime and garbage included. */
  readonly memory: number;
  /** Most bytes that lie there while it runs, of all that was written up to it. */
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
  // Before anything is tried: what the process takes with its runtime.
  const memory = memoryOfStages(stages, process.memoryUsage.rss());
  const { matrix } = await measureBackend(backend);
  const probe = new Probe(backend, matrix);
  const rates = await probe.disk();
  const planned: PlannedStage[] = [];
  const space = new DiskSpace();
  for (const [i, stage] of stages.entries()) {
    if (signal?.aborted === true)
      throw new FreebindError('FREEBIND_ABORTED', 'Planning was stopped.', { cause: signal.reason });
    let [seconds, checkpoints] = [0, 0];
    for (const work of stage.works) {
      const cost = await costOf(work, probe, rates);
      seconds += cost.seconds;
      checkpoints += cost.checkpoints;
    }
    const { name, works } = stage;
    const operations = sum(works.map(operationsOf));
    planned.push({ name, operations, seconds, memory: memory[i] ?? Number.NaN, disk: space.write(stage, checkpoints) });
  }
  const { id, device } = backend.manifest;
  return { machine: { backend: id, device, matrix, disk: rates }, stages: planned };
}

/** Seconds of a work, and bytes of the checkpoints that lie there at once. */
interface Cost {
  readonly seconds: number;
  readonly checkpoints: number;
}

async function costOf(work: Work, probe: Probe, disk: DiskRates): Promise<Cost> {
  const bytes = 4 * writtenNumbers(work);
  const writing = bytes * disk.write;
  switch (work.kind) {
    case 'check':
      return taking(work.rows * work.cols * disk.check);
    case 'aggregate': {
      const { queries, line } = await probe.aggregation(work);
      return taking((work.queries / queries) * (line.fixed + line.each * work.bank) + writing);
    }
    case 'project':
      return taking(work.rows * (await probe.projection(work)) + writing);
    case 'fit': {
      const line = await probe.fitting(work);
      return taking(line.fixed + line.each * work.rows);
    }
    case 'train': {
      if (work.steps === 0) return taking(0);
      const { line, start } = await probe.step(work);
      const steps = work.steps * (line.fixed + line.each * trainingStepOperations(work));
      // One when it is done, and one a minute before; the oldest goes when the next is whole.
      const saves = 1 + Math.floor(steps / CHECKPOINT_SECONDS);
      return {
        seconds: start + steps + saves * writing + tableBytes(work) * disk.read,
        checkpoints: Math.min(saves, KEPT + 1) * bytes,
      };
    }
  }
}

/** Of a work without checkpoints. */
function taking(seconds: number): Cost {
  return { seconds, checkpoints: 0 };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
