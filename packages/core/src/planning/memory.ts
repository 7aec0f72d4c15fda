import { inputWidth } from '../network.ts';
import { TILE } from '../pseudo-pairs/columns.ts';
import { HELD_BYTES } from '../training/held-tables.ts';
import type { Stage } from './stages.ts';
import { activationNumbers, layerWidths, operationsOf, stateNumbers, tableBytes, type Work } from './work.ts';

/**
 * Garbage of a process that computes in a thread beside its main one. V8 looks for buffers that nothing holds when 64 MiB of
 * them were made since it last looked (`kExternalAllocationSoftLimit` of its `v8-internal.h`), in each thread by itself.
 */
const GARBAGE_BYTES = 2 * 64 * 2 ** 20;

/** Rows and numbers of a tile of a bank at most, and queries that meet it at once, as backend-onnx has them. */
const BANK_TILE = { rows: 4080, numbers: 2 ** 23, queries: 1024 };

/**
 * Most memory of the process in each stage, `runtime` being what it takes before the first. Beside what a stage holds itself there
 * is garbage, and while networks are trained also what earlier stages held: backends keep the memory of their graphs, and nothing in
 * a training step, whose arrays are used again, makes V8 look for what else could go. A head's tables and graph go with it.
 */
export function memoryOfStages(stages: readonly Pick<Stage, 'works'>[], runtime: number): readonly number[] {
  let kept = 0;
  return stages.map(({ works }) => {
    let most = kept;
    for (const work of works) {
      const bytes = memoryOf(work);
      if (work.kind === 'train') most = Math.max(most, kept + bytes);
      else {
        kept = Math.max(kept, bytes);
        most = Math.max(most, kept);
      }
    }
    return runtime + GARBAGE_BYTES + most;
  });
}

/** Most bytes that a work holds. */
export function memoryOf(work: Work): number {
  switch (work.kind) {
    case 'check':
      return 4 * TILE * work.cols;
    case 'fit':
      // And sums of products in float64.
      return 4 * TILE * work.cols + 8 * work.cols ** 2;
    case 'aggregate': {
      const { keyCols, valueCols, own } = work;
      // Queries as read and as fed; their sums as fed, as computed, as handed back and as averages.
      const rows = Math.min(work.queries, TILE) * (2 * keyCols + 4 * valueCols);
      const tile = (cols: number): number => Math.min(work.bank * cols, BANK_TILE.rows * cols, BANK_TILE.numbers);
      // Two tiles in turn, and the rows of the next as they are read.
      const tiles = 3 * (tile(keyCols) + (own ? 0 : tile(valueCols)));
      // Scores and weights, in the graph where values are keys and in the one where they are not; both stay open.
      const scores = 2 * 2 * BANK_TILE.queries * Math.min(work.bank, BANK_TILE.rows);
      return 4 * (rows + tiles + scores);
    }
    case 'project': {
      const [first = []] = work.mixture;
      // Weights as given and as the graph has them; a tile of rows, and of what goes into and out of every head's widest layer.
      const weights = operationsOf({ ...work, rows: 1 });
      const widest = work.mixture.reduce((sum, layers) => sum + 2 * Math.max(...layerWidths(layers)), 0);
      return 4 * (weights + Math.min(work.rows, TILE) * (inputWidth(first) + widest));
    }
    case 'train': {
      const columns = Object.values(work.tables).reduce((sum, cols) => sum + cols, 0);
      // Rows of this step and of the next; activations and as much again of their gradients; the state as a step reads it, as it
      // writes it, as a checkpoint is handed it and as that is written.
      const step = 2 * work.batch * columns + 2 * activationNumbers(work) + 4 * stateNumbers(work);
      return Math.min(tableBytes(work), HELD_BYTES) + 4 * step;
    }
  }
}
