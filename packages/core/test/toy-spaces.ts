import {
  type BondData,
  type BondManifest,
  type Embeddings,
  FreebindError,
  initialise,
  type Matrix,
  matrix,
  type Modality,
  type ModalityInputs,
  normaliseRows,
  normalMatrix,
  projector,
  random,
  type Space,
  type SpaceShape,
  tableOf,
  type Tables,
} from '@freebind/core';

/** Seeded spaces and untrained bonds, small enough to compute with in a test. */
export const toyShapes = {
  unified: { id: 'unified', dimension: 6, modalities: ['audio', 'image', 'text'] },
  vision: { id: 'vision', dimension: 5, modalities: ['image', 'text'] },
  sound: { id: 'sound', dimension: 4, modalities: ['audio', 'text'] },
  speech: { id: 'speech', dimension: 3, modalities: ['text', 'speech'] },
  depth: { id: 'depth', dimension: 3, modalities: ['depth', 'normals'] },
} as const satisfies Record<string, SpaceShape>;

/** Seeded unit rows of a space, the same for the same arguments. */
export function toyRows(space: Pick<SpaceShape, 'id' | 'dimension'>, modality: string, rows = 7): Embeddings {
  const unit = normaliseRows(normalMatrix(rows, space.dimension, random('toy rows', space.id, modality)));
  return { ...unit, space: space.id, unit: true };
}

/** A bond with random weights, of as many heads as are named. */
export function toyBond(
  kind: BondManifest['kind'],
  from: Pick<SpaceShape, 'id' | 'dimension'>,
  into: Pick<SpaceShape, 'id' | 'dimension'>,
  heads: readonly string[] = ['mix', 'A'],
): BondData {
  const id = `${from.id} to ${into.id}`;
  return {
    manifest: {
      id,
      kind,
      from: { space: from.id, dimension: from.dimension },
      into: { space: into.id, dimension: into.dimension },
      shared: ['text'],
      heads,
    },
    networks: Object.fromEntries(
      heads.map((head) => [
        head,
        initialise(
          projector({ input: from.dimension, output: into.dimension, hidden: 8 }),
          random('toy bond', id, head),
          'xavier',
        ),
      ]),
    ),
  };
}

/** A space of nothing but arithmetic: a row is decided by its input. It counts what happens to it. */
export class ToySpace implements Space {
  readonly manifest: Space['manifest'];
  closed = 0;
  embedded = 0;

  constructor(shape: SpaceShape, license = 'unknown') {
    this.manifest = { ...shape, source: { paper: `paper of ${shape.id}`, checkpoint: 'toy', license } };
  }

  async embed<M extends Modality>(
    modality: M,
    inputs: readonly ModalityInputs[M][],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Embeddings> {
    if (options.signal?.aborted === true) throw new FreebindError('FREEBIND_ABORTED', 'The signal was aborted.');
    this.embedded += 1;
    const { id, dimension } = this.manifest;
    const rows = inputs.map((input) => normalMatrix(1, dimension, random(id, modality, textOf(input))).data);
    const data = Float32Array.from(rows.flatMap((row) => Array.from(row)));
    return { ...normaliseRows(matrix(inputs.length, dimension, data)), space: id, unit: true };
  }

  async close(): Promise<void> {
    this.closed += 1;
  }
}

function textOf(input: unknown): string {
  return JSON.stringify(input, (_, x: unknown) =>
    x instanceof Float32Array || x instanceof Uint8Array ? x.join() : x,
  );
}

/** Row i is the same item in every table: a point that all see through the same map, and noise of each modality. */
export function itemTables(items: number): Tables {
  const shapes = [toyShapes.unified, toyShapes.vision, toyShapes.sound];
  const rows = (space: string, modality: string): Matrix => {
    const cols = shapes.find(({ id }) => id === space)?.dimension ?? 0;
    const points = normalMatrix(items, cols, random('point', space)).data;
    const noise = normalMatrix(items, cols, random('noise', space, modality)).data;
    return normaliseRows(
      matrix(
        items,
        cols,
        Float64Array.from(points, (x, i) => x + 0.9 * (noise[i] ?? 0)),
      ),
    );
  };
  return {
    spaces: shapes.map(({ id }) => id),
    modalities: (space) => shapes.find(({ id }) => id === space)?.modalities ?? [],
    table: (space, modality) => tableOf(rows(space, modality), `${space}.${modality}.npy`),
  };
}
