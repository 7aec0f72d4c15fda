import { join } from 'node:path';
import {
  type Backend,
  type BondData,
  type Composition,
  type Embeddings,
  openComposition,
  type Recipe,
  shapesOf,
  type Tables,
  unitRows,
} from '@freebind/core';
import { readBond } from '@freebind/core/files';
import {
  type BondTraining,
  type RowsByModality,
  type TrainedRecipe,
  trainRecipe,
  type TrainingEvent,
} from '@freebind/core/training';
import type { Modality } from './result.ts';
import { MODALITIES } from './starter.ts';

/** Bonds of one recipe, read back from where they were written. */
export interface Bonds {
  readonly recipe: Recipe;
  readonly bonds: readonly BondData[];
  readonly reused: boolean;
  /** Training losses by bond and head. */
  readonly losses: Readonly<Record<string, readonly number[]>>;
}

/** Trains the bonds of a recipe into `out` and reads them. */
export async function* trainBonds(options: {
  readonly recipe: Recipe;
  readonly tables: Tables;
  readonly rows?: RowsByModality;
  readonly training: Partial<BondTraining>;
  readonly backend: Backend;
  readonly out: string;
  readonly signal: AbortSignal | undefined;
}): AsyncGenerator<TrainingEvent, Bonds, undefined> {
  const { out, signal, ...rest } = options;
  const run = trainRecipe({ ...rest, bonds: out, ...(signal !== undefined && { signal }) });
  const trained: TrainedRecipe = yield* run;
  const bonds: BondData[] = [];
  const losses: Record<string, readonly number[]> = {};
  for (const { path, manifest } of trained.bonds) {
    const { bond, provenance } = await readBond(join(path));
    bonds.push(bond);
    for (const head of manifest.heads) losses[`${manifest.id} ${head}`] = provenance.lossCurve?.[head] ?? [];
  }
  return { recipe: options.recipe, bonds, reused: trained.bonds.every(({ reused }) => reused), losses };
}

/** The same bonds with one of their heads only. */
export function oneHead({ bonds, ...rest }: Bonds, head: string): Bonds {
  return {
    ...rest,
    bonds: bonds.map(({ manifest, networks }) => {
      const network = networks[head];
      return network === undefined
        ? { manifest, networks }
        : { manifest: { ...manifest, heads: [head] }, networks: { [head]: network } };
    }),
  };
}

/** A recipe's rows of one split as far as factors do not matter, and what mixes them. */
export interface Projected {
  readonly composition: Composition;
  readonly projections: Readonly<Partial<Record<Modality, Awaited<ReturnType<Composition['project']>>>>>;
}

/** Carries the evaluation rows of one split through a recipe's bonds. The caller closes the composition. */
export async function projectRows(
  { recipe, bonds }: Pick<Bonds, 'recipe' | 'bonds'>,
  tables: Tables,
  backend: Backend,
): Promise<Projected> {
  const composition = await openComposition({ recipe, bonds, backend, spaces: shapesOf(tables) });
  const projections: Partial<Record<Modality, Awaited<ReturnType<Composition['project']>>>> = {};
  for (const modality of MODALITIES) {
    if (!composition.plan.space.modalities.includes(modality)) continue;
    const own = new Map<string, Embeddings>();
    for (const { id } of composition.members(modality)) {
      const table = unitRows(tables.table(id, modality));
      own.set(id, { ...(await table.read(0, table.rows)), space: id, unit: true });
    }
    projections[modality] = await composition.project(modality, own);
  }
  return { composition, projections };
}
