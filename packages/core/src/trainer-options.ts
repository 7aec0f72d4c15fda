import type { Objective, StepInput, TrainerOptions } from './backend.ts';
import { FreebindError } from './errors.ts';
import { checkNetwork, inputWidth, type Network, outputWidth, parametersOf } from './network.ts';
import type { Table } from './table.ts';

/** One pass of a network over one table's rows of a batch. */
export interface NetworkRun {
  readonly network: string;
  readonly table: string;
}

/** The network runs of one step, each once, in order of first use in the objective's pairs, left before right. */
export function networkRuns(objective: Objective): readonly NetworkRun[] {
  const runs: NetworkRun[] = [];
  for (const { table, network } of objective.pairs.flatMap(({ left, right }) => [left, right])) {
    if (network !== undefined && !runs.some((run) => run.network === network && run.table === table))
      runs.push({ network, table });
  }
  return runs;
}

/** Name, shape and whether gradients move it, of every array in a `TrainerState`, in order. */
export function stateTensors(
  options: Pick<TrainerOptions, 'networks' | 'objective'>,
): readonly { readonly name: string; readonly shape: readonly number[]; readonly trained: boolean }[] {
  const own = [
    ...Object.entries(options.networks).flatMap(([network, { layers }]) =>
      parametersOf(layers).map(({ name, shape, role }) => ({
        name: `${network}/${name}`,
        shape,
        trained: role !== 'statistic',
      })),
    ),
    ...(options.objective.temperature.learned ? [{ name: 'temperature', shape: [], trained: true }] : []),
  ];
  const trained = own.filter((tensor) => tensor.trained);
  const moments = (kind: string): typeof own =>
    trained.map(({ name, shape }) => ({ name: `${kind}/${name}`, shape, trained: false }));
  return [...own, ...moments('adam.m'), ...moments('adam.v')];
}

/**
 * Refuses what no backend can train, before any work, so that all refuse alike.
 *
 * @throws FREEBIND_ARGUMENT_INVALID for names that are not there and numbers out of range, FREEBIND_ROWS_MISALIGNED for
 * tables of different lengths, FREEBIND_SHAPE_MISMATCH for widths or weights that do not fit, FREEBIND_CHECKPOINT_INVALID
 * for a state of other networks
 */
export function checkTrainer(options: TrainerOptions): void {
  const { networks, objective, batch, mixup = false } = options;
  checkTables(Object.entries(options.tables));
  Object.entries(networks).forEach(([name, network]) => checkNetwork(network, `network "${name}"`));
  if (objective.pairs.length === 0) throw invalid('The objective has no pairs; give at least one.');
  for (const { left, right } of objective.pairs) {
    const widths = [left, right].map((side) => {
      const table = find('table', options.tables, side.table);
      return side.network === undefined ? table.cols : widthThrough(find('network', networks, side.network), table);
    });
    if (widths[0] !== widths[1]) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `A pair compares rows of ${widths[0]} columns ("${left.table}") with rows of ${widths[1]} ("${right.table}"); both sides must have one width.`,
      );
    }
  }
  checkNumbers(options);
  // Batch statistics of one row have no unbiased variance, and one row has no negatives.
  const rows = mixup ? batch / 2 : batch;
  if (!Number.isSafeInteger(rows) || rows < 2) {
    throw invalid(
      `A batch of ${batch}${mixup ? ' with mixup' : ''} gives ${rows} rows a step, but a whole number of at least 2 is needed.`,
    );
  }
  checkState(options);
}

/** @throws FREEBIND_SHAPE_MISMATCH for a batch of another size or rows that are not there, FREEBIND_ARGUMENT_INVALID for numbers out of range */
export function checkStep(options: TrainerOptions, { rows, learningRate, mix, seed = 0 }: StepInput): void {
  if (rows.length !== options.batch) {
    throw new FreebindError(
      'FREEBIND_SHAPE_MISMATCH',
      `A step was given ${rows.length} rows, but the trainer was opened for batches of ${options.batch}.`,
    );
  }
  const available = Object.values(options.tables)[0]?.rows ?? 0;
  const stray = rows.find((row) => row < 0 || row >= available);
  if (stray !== undefined) {
    throw new FreebindError(
      'FREEBIND_SHAPE_MISMATCH',
      `A step asks for row ${stray}, but the tables have rows 0 to ${available - 1}.`,
    );
  }
  if (!Number.isFinite(learningRate) || learningRate < 0)
    throw invalid(`The learning rate is ${learningRate}; it must be a finite number of at least 0.`);
  if (options.mixup ? mix === undefined || !(mix >= 0 && mix <= 1) : mix !== undefined) {
    throw invalid(
      options.mixup
        ? `A step of a trainer with mixup was given mix = ${mix}; it must be in [0, 1].`
        : 'A step was given mix, but the trainer was opened without mixup.',
    );
  }
  if (!Number.isSafeInteger(seed) || seed < 0 || seed >= 2 ** 32)
    throw invalid(`The step's seed is ${seed}; it must be a whole number in [0, 2³²).`);
}

function checkTables(tables: readonly (readonly [string, Table])[]): void {
  const [first] = tables;
  for (const [name, table] of tables) {
    if (first !== undefined && table.rows !== first[1].rows) {
      throw new FreebindError(
        'FREEBIND_ROWS_MISALIGNED',
        `Table "${name}" (${table.source}) has ${table.rows} rows, but "${first[0]}" (${first[1].source}) has ${first[1].rows}; row i of every table must be one item.`,
      );
    }
  }
}

function widthThrough(network: Network, table: Table): number {
  if (inputWidth(network.layers) !== table.cols) {
    throw new FreebindError(
      'FREEBIND_SHAPE_MISMATCH',
      `A network takes rows of ${inputWidth(network.layers)} columns, but its table ${table.source} has ${table.cols}.`,
    );
  }
  return outputWidth(network.layers);
}

function checkNumbers({ objective: { temperature }, optimizer }: TrainerOptions): void {
  const { initial, learned } = temperature;
  if (!(initial > 0 && Number.isFinite(initial)))
    throw invalid(`The temperature is ${initial}; it must be a finite number above 0.`);
  if (learned !== undefined && !(learned.min > 0 && learned.min <= learned.max && Number.isFinite(learned.max)))
    throw invalid(
      `The temperature's clamp is [${learned.min}, ${learned.max}]; it must be finite, above 0 and in order.`,
    );
  const { beta1, beta2, epsilon, weightDecay } = optimizer;
  const good = beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1 && epsilon > 0 && weightDecay >= 0;
  if (!good || !Number.isFinite(epsilon + weightDecay)) {
    throw invalid(
      `The optimizer has beta1 ${beta1}, beta2 ${beta2}, epsilon ${epsilon}, weightDecay ${weightDecay}; betas must be in [0, 1), epsilon above 0 and weightDecay at least 0.`,
    );
  }
}

function checkState(options: TrainerOptions): void {
  const { state } = options;
  if (state === undefined) return;
  if (!Number.isSafeInteger(state.step) || state.step < 0) throw badState(`says that ${state.step} steps were taken`);
  const wanted = stateTensors(options);
  for (const { name, shape } of wanted) {
    const tensor = state.tensors[name];
    if (tensor === undefined) throw badState(`has no "${name}"`);
    const size = shape.reduce((a, b) => a * b, 1);
    if (tensor.shape.join() !== shape.join() || tensor.data.length !== size)
      throw badState(`has "${name}" of shape [${tensor.shape.join(', ')}], expected [${shape.join(', ')}]`);
  }
  const names = new Set(wanted.map(({ name }) => name));
  const stray = Object.keys(state.tensors).find((name) => !names.has(name));
  if (stray !== undefined) throw badState(`has "${stray}", which these networks and this objective do not have`);
}

function badState(found: string): FreebindError {
  return new FreebindError(
    'FREEBIND_CHECKPOINT_INVALID',
    `The state to continue from ${found}; it belongs to another run or is damaged.`,
  );
}

function find<T>(kind: string, named: Readonly<Record<string, T>>, name: string): T {
  const found = Object.hasOwn(named, name) ? named[name] : undefined;
  if (found === undefined)
    throw invalid(
      `The objective names ${kind} "${name}", but there are only: ${Object.keys(named).join(', ') || 'none'}.`,
    );
  return found;
}

function invalid(message: string): FreebindError {
  return new FreebindError('FREEBIND_ARGUMENT_INVALID', message);
}
