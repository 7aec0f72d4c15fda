import { ReferenceBackend } from '@freebind/backend-reference';
import {
  type Backend,
  type BankRunner,
  type Layer,
  type Matrix,
  matrix,
  type Network,
  normaliseRows,
  type ProjectorRunner,
  type StepInput,
  type Table,
  tableOf,
  type Tensor,
  type Trainer,
  type TrainerOptions,
  type TrainerState,
} from '@freebind/core';

/** A backend with one thing wrong, and words of the case that must notice. */
export interface Fault {
  readonly name: string;
  readonly noticedBy: RegExp;
  readonly create: () => Backend;
}

/**
 * The reference in float64 with some of its methods replaced. It declares the tolerance of a float32 backend: faults must be
 * noticed with the slack that real backends have, not only with the oracle's.
 */
export function faulty(replace: (right: Backend) => Partial<Backend>): Backend {
  const right = new ReferenceBackend({ precision: 'float64' });
  const methods: Backend = {
    manifest: { ...right.manifest, tolerance: 1e-5 },
    openProjector: (mixture) => right.openProjector(mixture),
    openBank: (bank) => right.openBank(bank),
    openTrainer: (options) => right.openTrainer(options),
    combine: (parts) => right.combine(parts),
    close: () => right.close(),
  };
  return { ...methods, ...replace(right) };
}

function faultyProjector(
  change: (project: ProjectorRunner['project'], mixture: readonly Network[]) => ProjectorRunner['project'],
): Backend {
  return faulty((right) => ({
    openProjector: async (mixture) => {
      const runner = await right.openProjector(mixture);
      return { project: change((rows) => runner.project(rows), mixture), close: () => runner.close() };
    },
  }));
}

function faultyBank(
  change: (runner: BankRunner, bank: { readonly keys: Table; readonly values?: Table }) => Partial<BankRunner>,
): Backend {
  return faulty((right) => ({
    openBank: async (bank) => {
      const runner = await right.openBank(bank);
      const methods: BankRunner = {
        aggregate: (queries, temperature) => runner.aggregate(queries, temperature),
        scores: (queries) => runner.scores(queries),
        topK: (queries, k) => runner.topK(queries, k),
        close: () => runner.close(),
      };
      return { ...methods, ...change(runner, bank) };
    },
  }));
}

function faultyTrainer(
  change: (trainer: Trainer, options: TrainerOptions) => Partial<Trainer>,
  options = (given: TrainerOptions) => given,
): Backend {
  return faulty((right) => ({
    openTrainer: async (given) => {
      const trainer = await right.openTrainer(options(given));
      const methods: Trainer = {
        step: (input) => trainer.step(input),
        snapshot: () => trainer.snapshot(),
        close: () => trainer.close(),
      };
      return { ...methods, ...change(trainer, given) };
    },
  }));
}

/** A trainer whose state is changed after each step, number by number. */
function faultyState(
  change: (
    name: string,
    after: number,
    old: {
      readonly before: number;
      readonly tensor: Tensor;
      readonly input: StepInput;
      readonly options: TrainerOptions;
      readonly step: number;
      readonly m: number;
      readonly v: number;
    },
  ) => number,
): Backend {
  return faulty((right) => ({
    openTrainer: async (options) => {
      let trainer = await right.openTrainer(options);
      let closed = false;
      return {
        step: async (input) => {
          const before = await trainer.snapshot();
          const result = await trainer.step(input);
          const after = await trainer.snapshot();
          const tensors = Object.fromEntries(
            Object.entries(after.tensors).map(([name, tensor]) => {
              const old = before.tensors[name]?.data;
              const [m, v] = [after.tensors[`adam.m/${name}`]?.data, after.tensors[`adam.v/${name}`]?.data];
              const data = Float64Array.from(tensor.data, (x, i) =>
                change(name, x, {
                  before: old?.[i] ?? 0,
                  tensor,
                  input,
                  options,
                  step: after.step,
                  m: m?.[i] ?? 0,
                  v: v?.[i] ?? 0,
                }),
              );
              return [name, { shape: tensor.shape, data }];
            }),
          );
          await trainer.close();
          trainer = await right.openTrainer({ ...options, state: { step: after.step, tensors } });
          if (closed) await trainer.close();
          return result;
        },
        snapshot: () => trainer.snapshot(),
        close: () => {
          closed = true;
          return trainer.close();
        },
      };
    },
  }));
}

function mapLayers(options: TrainerOptions, change: (layer: Layer) => Layer): TrainerOptions {
  const deep = (layer: Layer): Layer =>
    layer.kind === 'residual' ? { ...layer, layers: layer.layers.map(deep) } : change(layer);
  const networks = Object.fromEntries(
    Object.entries(options.networks).map(([name, network]) => [name, { ...network, layers: network.layers.map(deep) }]),
  );
  return { ...options, networks };
}

async function shorter(table: Table): Promise<Table> {
  return tableOf(await table.read(0, table.rows - 1));
}

function inFloat32({ rows, cols, data }: Matrix): Matrix {
  return matrix(rows, cols, Float32Array.from(data));
}

function map(rows: Matrix, change: (x: number, i: number) => number): Matrix {
  return matrix(rows.rows, rows.cols, rows.data.map(change));
}

const without = (state: TrainerState, drop: RegExp): TrainerState => ({
  ...state,
  tensors: Object.fromEntries(
    Object.entries(state.tensors).map(([name, { shape, data }]) => [
      name,
      { shape, data: drop.test(name) ? new Float64Array(data.length) : data },
    ]),
  ),
});

/** Faults that implementations really have. */
export const faults: readonly Fault[] = [
  {
    name: 'normalises the mean of a mixture',
    noticedBy: /averages a mixture of seven heads/,
    create: () => faultyProjector((project) => async (rows) => normaliseRows(await project(rows))),
  },
  {
    name: 'projects with the first network of a mixture only',
    noticedBy: /averages a mixture of seven heads/,
    create: () =>
      faulty((right) => ({
        openProjector: async (mixture) => {
          const runner = await right.openProjector(mixture);
          await runner.close();
          return right.openProjector(mixture.slice(0, 1));
        },
      })),
  },
  {
    name: 'gives float32 while it promises float64',
    noticedBy: /projects through every layer at once, in its precision/,
    create: () => faultyProjector((project) => async (rows) => inFloat32(await project(rows))),
  },
  {
    name: 'forgets epsilon of the batch-norm',
    noticedBy: /projects through batch-norm/,
    create: () =>
      faulty((right) => ({
        openProjector: (mixture) =>
          right.openProjector(
            mixture.map((network) => ({
              ...network,
              layers: network.layers.map((layer) => (layer.kind === 'batch-norm' ? { ...layer, epsilon: 0 } : layer)),
            })),
          ),
      })),
  },
  {
    name: 'reads weights when it projects instead of when it opens',
    noticedBy: /keeps the weights it was opened with/,
    create: () =>
      faulty((right) => ({
        openProjector: async (mixture) => {
          const first = await right.openProjector(mixture);
          return {
            project: async (rows) => (await right.openProjector(mixture)).project(rows),
            close: () => first.close(),
          };
        },
      })),
  },
  {
    name: 'normalises its queries in place',
    noticedBy: /writes neither to the bank nor to the queries/,
    create: () =>
      faultyBank((runner) => ({
        aggregate: async (queries, temperature) => {
          const out = await runner.aggregate(queries, temperature);
          queries.data[0] = 0;
          return out;
        },
      })),
  },
  {
    name: 'does not subtract the maximum before exp',
    noticedBy: /nearest neighbour|does not vanish/,
    create: () =>
      faultyBank((runner, { keys, values = keys }) => ({
        aggregate: async (queries, temperature) => {
          const checked = await runner.aggregate(queries, temperature);
          const scores = await runner.scores(queries);
          const given = await values.read(0, values.rows);
          return map(checked, (_x, i) => {
            const [q, c] = [Math.floor(i / given.cols), i % given.cols];
            let [sum, total] = [0, 0];
            for (let j = 0; j < scores.cols; j++) {
              const weight = Math.exp((scores.data[q * scores.cols + j] ?? 0) / temperature);
              total += weight;
              sum += weight * (given.data[j * given.cols + c] ?? 0);
            }
            return sum / total;
          });
        },
      })),
  },
  {
    name: 'normalises aggregates',
    noticedBy: /aggregates with softmax weights, not normalised/,
    create: () =>
      faultyBank((runner) => ({ aggregate: async (...given) => normaliseRows(await runner.aggregate(...given)) })),
  },
  {
    name: 'drops the last row of a bank',
    noticedBy: /aggregates any shape/,
    create: () =>
      faulty((right) => ({
        openBank: async ({ keys, values }) => {
          const checked = await right.openBank({ keys, ...(values === undefined ? {} : { values }) });
          if (keys.rows < 2) return checked;
          return right.openBank({
            keys: await shorter(keys),
            ...(values === undefined ? {} : { values: await shorter(values) }),
          });
        },
      })),
  },
  {
    name: 'reads a whole bank at once',
    noticedBy: /streams a bank/,
    create: () =>
      faulty((right) => ({
        openBank: async (bank) => {
          if (bank.keys.rows < 50_000) return right.openBank(bank);
          const repeated = await bank.keys.read(0, bank.keys.rows);
          return right.openBank({
            keys: tableOf(matrix(1024, repeated.cols, repeated.data.slice(0, 1024 * repeated.cols))),
          });
        },
      })),
  },
  {
    name: 'keeps the higher index when scores tie',
    noticedBy: /keeps the lower index/,
    create: () =>
      faultyBank((runner) => ({
        topK: async (queries, k) => {
          const checked = await runner.topK(queries, k);
          const scores = await runner.scores(queries);
          const width = Math.min(k, scores.cols);
          const indices = Array.from({ length: scores.rows }, (_, q) =>
            Array.from({ length: scores.cols }, (_, j) => j)
              .sort(
                (a, b) => (scores.data[q * scores.cols + b] ?? 0) - (scores.data[q * scores.cols + a] ?? 0) || b - a,
              )
              .slice(0, width),
          );
          return { ...checked, indices: Int32Array.from(indices.flat()) };
        },
      })),
  },
  {
    name: 'gives k columns when there are fewer rows',
    noticedBy: /ranks the highest scores first, as many as there are/,
    create: () =>
      faultyBank((runner) => ({
        topK: async (queries, k) => {
          const { indices } = await runner.topK(queries, k);
          return { indices, scores: matrix(queries.rows, k, new Float64Array(queries.rows * k)) };
        },
      })),
  },
  {
    name: 'does not normalise combinations',
    noticedBy: /combines one part to itself/,
    create: () =>
      faulty((right) => ({
        combine: async (parts) => {
          const out = await right.combine(parts);
          return map(out, (_x, i) => parts.reduce((sum, { rows, factor }) => sum + factor * (rows.data[i] ?? 0), 0));
        },
      })),
  },
  {
    name: 'divides zero rows by zero',
    noticedBy: /keeps zero rows zero/,
    create: () =>
      faulty((right) => ({
        combine: async (parts) => map(await right.combine(parts), (x) => (x === 0 ? Number.NaN : x)),
      })),
  },
  {
    name: 'keeps the biased variance',
    noticedBy: /keeps the unbiased one/,
    create: () =>
      faultyState((name, after, { before, options }) => {
        if (!name.endsWith('running_var')) return after;
        const n = options.mixup ? options.batch / 2 : options.batch;
        const momentum = 0.25; // of the network in the case that must notice
        return before * (1 - momentum) + ((after - before * (1 - momentum)) * (n - 1)) / n;
      }),
  },
  {
    name: 'decays biases too',
    noticedBy: /decays arrays of two and more dimensions only/,
    create: () =>
      faultyState((name, after, { before, tensor, input, options }) =>
        !name.startsWith('adam.') && tensor.shape.length === 1
          ? after - input.learningRate * options.optimizer.weightDecay * before
          : after,
      ),
  },
  {
    name: 'adds epsilon inside of the root',
    noticedBy: /epsilon outside of the root/,
    create: () =>
      faultyState((name, after, { before, input, options: { optimizer }, step, m, v }) => {
        if (name.startsWith('adam.') || name.includes('running_')) return after;
        const corrected = v / (1 - optimizer.beta2 ** step);
        const move = m / (1 - optimizer.beta1 ** step) / Math.sqrt(corrected + optimizer.epsilon);
        return before - input.learningRate * move;
      }),
  },
  {
    name: 'does not correct the bias of the moments',
    noticedBy: /corrects the bias of both moments/,
    create: () =>
      faultyState((name, after, { before, input, options: { optimizer }, m, v }) =>
        name.startsWith('adam.') || name.includes('running_')
          ? after
          : before - (input.learningRate * m) / (Math.sqrt(v) + optimizer.epsilon),
      ),
  },
  {
    name: 'clips gradients',
    noticedBy: /trains through linear and normalise with the gradients of the formula/,
    create: () =>
      faultyState((name, after) => (name.startsWith('adam.m/') ? Math.max(-0.01, Math.min(0.01, after)) : after)),
  },
  {
    name: 'continues without the moments',
    noticedBy: /continues from a snapshot/,
    create: () =>
      faulty((right) => ({
        openTrainer: (options) =>
          right.openTrainer(
            options.state === undefined ? options : { ...options, state: without(options.state, /^adam\./) },
          ),
      })),
  },
  {
    name: 'drops nothing in training',
    noticedBy: /trains through dropout/,
    create: () =>
      faultyTrainer(
        () => ({}),
        (options) => mapLayers(options, (layer) => (layer.kind === 'dropout' ? { ...layer, rate: 0 } : layer)),
      ),
  },
  {
    name: 'ignores the seed of dropout',
    noticedBy: /drops other entries for another seed/,
    create: () => faultyTrainer((trainer) => ({ step: (input) => trainer.step({ ...input, seed: 0 }) })),
  },
  {
    name: 'mixes with 1 − λ',
    noticedBy: /mixes the first half/,
    create: () =>
      faultyTrainer((trainer) => ({
        step: (input) => trainer.step(input.mix === undefined ? input : { ...input, mix: 1 - input.mix }),
      })),
  },
  {
    name: 'does not clamp the temperature',
    noticedBy: /puts a learned temperature back/,
    create: () =>
      faultyTrainer(
        () => ({}),
        (options) => {
          const { temperature } = options.objective;
          if (temperature.learned === undefined) return options;
          const free = { ...temperature, learned: { min: 1e-9, max: 1e9 } };
          return { ...options, objective: { ...options.objective, temperature: free } };
        },
      ),
  },
  {
    name: 'sums over pairs instead of averaging',
    noticedBy: /several tables and many pairs/,
    create: () =>
      faultyTrainer((trainer, { objective }) => ({
        step: async (input) => {
          const result = await trainer.step(input);
          return { ...result, loss: result.loss * objective.pairs.length };
        },
      })),
  },
  {
    name: 'trains on the first pair only',
    noticedBy: /several tables and many pairs/,
    create: () =>
      faultyTrainer(
        () => ({}),
        (options) => ({
          ...options,
          objective: { ...options.objective, pairs: options.objective.pairs.slice(0, 1) },
        }),
      ),
  },
  {
    name: 'throws for NaN',
    noticedBy: /returns NaN as the loss/,
    create: () =>
      faultyTrainer((trainer) => ({
        step: async (input) => {
          const result = await trainer.step(input);
          if (Number.isNaN(result.loss)) throw new Error('NaN');
          return result;
        },
      })),
  },
  {
    name: 'hands out its state itself instead of a copy',
    noticedBy: /snapshots that later steps do not move/,
    create: () =>
      faultyTrainer((trainer) => {
        const live: Record<string, Tensor> = {};
        let state: TrainerState | undefined;
        const refresh = async (): Promise<TrainerState> => {
          const now = await trainer.snapshot();
          for (const [name, tensor] of Object.entries(now.tensors)) {
            const kept = (live[name] ??= { shape: tensor.shape, data: tensor.data.slice() });
            kept.data.set(tensor.data);
          }
          state = { step: now.step, tensors: live };
          return state;
        };
        return {
          snapshot: refresh,
          step: async (input) => {
            const result = await trainer.step(input);
            if (state !== undefined) await refresh();
            return result;
          },
        };
      }),
  },
  {
    name: 'trains though it does not declare it',
    noticedBy: /refuses to train/,
    create: () =>
      faulty(({ manifest: { training: _not, ...manifest } }) => ({
        manifest,
      })),
  },
  {
    name: 'answers after close',
    noticedBy: /closes its runners with itself/,
    create: () => faulty(() => ({ close: async () => undefined })),
  },
  {
    name: 'throws when it is closed twice',
    noticedBy: /closes twice quietly/,
    create: () => {
      let closed = 0;
      return faulty((right) => ({
        close: async () => {
          await right.close();
          if (closed++ > 0) throw new Error('closed twice');
        },
      }));
    },
  },
  {
    name: 'throws errors without a code',
    noticedBy: /refuses mixtures and rows whose widths do not fit/,
    create: () =>
      faulty((right) => ({
        openProjector: (mixture) =>
          right.openProjector(mixture).catch((error: unknown) => {
            throw new Error(String(error));
          }),
      })),
  },
];
