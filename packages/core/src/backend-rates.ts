import type { Backend } from './backend.ts';
import { type Matrix, normaliseRows } from './matrix.ts';
import { initialise } from './network.ts';
import { projector } from './projector.ts';
import { normalMatrix, random } from './random.ts';
import { tableOf } from './table.ts';

/** What a backend was measured to do on this machine, in 10⁹ floating-point operations a second. */
export interface BackendRates {
  /** Of one matrix product, the handing over of rows and scores included. */
  readonly matrix: number;
  /** Of FreeBind's training step, everything in it included; absent when the backend does not train. */
  readonly step?: number;
}

/** The shape of a training step of one projector against one frozen table. */
export interface StepShape {
  readonly batch: number;
  readonly input: number;
  readonly hidden: number;
  readonly output: number;
}

/** FreeBind's step (paper, section 4.1), and what leads up to it: each some eight times the work of the one before. */
const STEPS: readonly StepShape[] = [
  { batch: 128, input: 256, hidden: 512, output: 192 },
  { batch: 512, input: 512, hidden: 1024, output: 384 },
  { batch: 1024, input: 1024, hidden: 2048, output: 768 },
  { batch: 4096, input: 1024, hidden: 2048, output: 768 },
];
/** Columns, and the most rows, of the two sides of a matrix product. */
const [MATRIX_WIDTH, MATRIX_ROWS] = [512, 4096];
/** A run that takes this long says how fast the device is; a shorter one is mostly the way there and back. */
const LONG_ENOUGH_MS = 60;
/** Runs of one shape, of which the fastest counts. Those of a slow device end when they have taken so long together. */
const [RUNS, ENOUGH_RUNS_MS] = [5, 300];

/**
 * Measures a backend for a second or a few: products and steps of growing size, until one takes long enough to tell. What it
 * gives is good for choosing between backends, not for a table of figures; those are what `npm run bench` is for.
 */
export async function measureBackend(backend: Backend): Promise<BackendRates> {
  const matrix = await measureMatrix(backend);
  return backend.manifest.training === true ? { matrix, step: await measureStep(backend) } : { matrix };
}

/**
 * Operations of one step: each weight meets each row forward and for its own gradient, the second layer's also for its input's,
 * and the logits once forward and once on the way back, as their frozen side needs no gradient.
 */
export function stepOperations({ batch, input, hidden, output }: StepShape): number {
  return 2 * batch * (2 * input * hidden + 3 * hidden * output + 2 * batch * output);
}

async function measureMatrix(backend: Backend): Promise<number> {
  for (let rows = 64; ; rows *= 2) {
    const side = normalMatrix(rows, MATRIX_WIDTH, random('probe'));
    const bank = await backend.openBank({ keys: tableOf(side) });
    try {
      const ms = await timeRuns(() => bank.scores(side));
      if (ms >= LONG_ENOUGH_MS || rows >= MATRIX_ROWS) return rate(2 * rows ** 2 * MATRIX_WIDTH, ms);
    } finally {
      await bank.close();
    }
  }
}

async function measureStep(backend: Backend): Promise<number> {
  let found = 0;
  for (const shape of STEPS) {
    const ms = await timeSteps(backend, shape);
    found = rate(stepOperations(shape), ms);
    if (ms >= LONG_ENOUGH_MS) break;
  }
  return found;
}

async function timeSteps(backend: Backend, { batch, input, hidden, output }: StepShape): Promise<number> {
  const rows = (cols: number, name: string): Matrix => normaliseRows(normalMatrix(batch, cols, random('probe', name)));
  const trainer = await backend.openTrainer({
    networks: { p: initialise(projector({ input, hidden, output }), random('probe'), 'xavier') },
    tables: { source: tableOf(rows(input, 'source')), target: tableOf(rows(output, 'target')) },
    objective: {
      pairs: [{ left: { table: 'source', network: 'p' }, right: { table: 'target' } }],
      temperature: { initial: 0.02 },
    },
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
    batch,
  });
  const all = Int32Array.from({ length: batch }, (_, row) => row);
  try {
    return await timeRuns(() => trainer.step({ rows: all, learningRate: 1e-3 }));
  } finally {
    await trainer.close();
  }
}

/**
 * The fastest of a few runs after one that builds what later ones use. What else the machine is at makes runs longer, never
 * shorter: of a median it would be a part, and end the growth at a shape too small to tell.
 */
async function timeRuns(run: () => Promise<unknown>): Promise<number> {
  await run();
  const began = performance.now();
  let fastest = Infinity;
  for (let runs = 0; runs < RUNS && performance.now() - began < ENOUGH_RUNS_MS; runs++) {
    const start = performance.now();
    await run();
    fastest = Math.min(fastest, performance.now() - start);
  }
  return fastest;
}

/** 10⁹ operations a second, to the three digits that a short probe has. */
function rate(operations: number, ms: number): number {
  return Number((operations / ms / 1e6).toPrecision(3));
}
