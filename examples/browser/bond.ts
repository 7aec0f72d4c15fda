import {
  type Backend,
  type BondData,
  initialise,
  type Matrix,
  matrix,
  normaliseRows,
  normalMatrix,
  openBond,
  parametersOf,
  projector,
  random,
  sliceRows,
  tableOf,
} from '@freebind/core';

/** Items, the first `TRAINED` of which are trained on; the others are searched for. */
const [ITEMS, TRAINED] = [384, 320];
const BATCH = 64;
export const [STEPS, LEARNING_RATE, TEMPERATURE] = [40, 3e-3, 0.1];

const source = { space: 'source', dimension: 24 };
const target = { space: 'target', dimension: 16 };
const layers = projector({ input: source.dimension, output: target.dimension, hidden: 48 });

/** The same items as two spaces that know nothing of each other embed them: different mixes of what the items have in common. */
const items = normalMatrix(ITEMS, 6, random('items'));
const sourceRows = embed(source);
const targetRows = embed(target);

/** A bond and how the loss, in nats, fell while it was trained. */
export interface Trained {
  readonly bond: BondData;
  readonly losses: readonly number[];
}

/** Trains a bond from the source space into the target space: one projector, InfoNCE and Adam. */
export async function train(backend: Backend, onStep: (loss: number) => void = () => undefined): Promise<Trained> {
  const trainer = await backend.openTrainer({
    networks: { head: initialise(layers, random('weights'), 'xavier') },
    tables: { source: tableOf(sliceRows(sourceRows, 0, TRAINED)), target: tableOf(sliceRows(targetRows, 0, TRAINED)) },
    objective: {
      pairs: [{ left: { table: 'source', network: 'head' }, right: { table: 'target' } }],
      temperature: { initial: TEMPERATURE },
    },
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
    batch: BATCH,
  });
  const losses: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    const rows = random('order', step).permutation(TRAINED).subarray(0, BATCH);
    const { loss } = await trainer.step({ rows, learningRate: LEARNING_RATE });
    losses.push(loss);
    onStep(loss);
  }
  const { tensors } = await trainer.snapshot();
  await trainer.close();
  const weights = parametersOf(layers).flatMap(({ name }) => {
    const tensor = tensors[`head/${name}`];
    return tensor ? [[name, tensor] as const] : [];
  });
  const manifest = {
    id: 'source-to-target',
    kind: 'displacement',
    from: source,
    into: target,
    shared: ['image'],
  } as const;
  return {
    bond: {
      manifest: { ...manifest, heads: ['mix'] },
      networks: { mix: { layers, weights: Object.fromEntries(weights) } },
    },
    losses,
  };
}

/** What a bond finds among the items that it was not trained on. */
export interface Found {
  /** Their source rows, carried into the target space: [items, 16]. */
  readonly carried: Matrix;
  /** The attention of the carried rows over the trained items' target rows: [items, 16]. */
  readonly aggregated: Matrix;
  /** Numbers of the five nearest target rows of each item, best first, and their scores: [items, 5]. */
  readonly nearest: Int32Array;
  readonly scores: Matrix;
  /** The share of items whose own target row is the nearest. */
  readonly recallAt1: number;
}

/** Carries the other items' rows through a bond, aggregates a memory bank by them and ranks their target rows. */
export async function find(backend: Backend, data: BondData): Promise<Found> {
  const rows = sliceRows(sourceRows, TRAINED, ITEMS);
  const bond = await openBond(data, backend);
  const carried = await bond.carry({ ...rows, space: source.space, unit: true });
  await bond.close();
  const memory = await backend.openBank({ keys: tableOf(sliceRows(targetRows, 0, TRAINED)) });
  const aggregated = await memory.aggregate(carried, 0.05);
  await memory.close();
  const gallery = await backend.openBank({ keys: tableOf(sliceRows(targetRows, TRAINED, ITEMS)) });
  const { indices, scores } = await gallery.topK(carried, 5);
  await gallery.close();
  const right = Array.from({ length: rows.rows }, (_, i) => indices[5 * i] === i).filter(Boolean).length;
  return { carried, aggregated, nearest: indices, scores, recallAt1: right / rows.rows };
}

function embed({ space, dimension }: { readonly space: string; readonly dimension: number }): Matrix {
  const mix = normalMatrix(items.cols, dimension, random('mix', space));
  const noise = normalMatrix(ITEMS, dimension, random('noise', space));
  const rows = matrix(
    ITEMS,
    dimension,
    noise.data.map((x) => 0.1 * x),
  );
  for (let r = 0; r < ITEMS; r++)
    for (let c = 0; c < dimension; c++)
      for (let k = 0; k < items.cols; k++)
        rows.data[r * dimension + c] =
          (rows.data[r * dimension + c] ?? 0) +
          (items.data[r * items.cols + k] ?? 0) * (mix.data[k * dimension + c] ?? 0);
  return normaliseRows(rows);
}
