import { createHash } from 'node:crypto';
import { arithmeticOf } from '../arithmetic.ts';
import type { Backend } from '../backend.ts';
import type { BondData } from '../bond.ts';
import { composeTables, shapesOf, type Tables } from '../compose-tables.ts';
import { openComposition } from '../composition.ts';
import { FreebindError } from '../errors.ts';
import { createNpy, openNpy } from '../files/npy.ts';
import { findFinished, keepPiece, type Piece, pieceName } from '../files/pieces.ts';
import { seal } from '../files/seal.ts';
import { tablePath } from '../files/table-name.ts';
import type { SpaceTables } from '../pseudo-pairs/tuples.ts';
import type { Factors, Recipe } from '../recipe.ts';
import type { Table } from '../table.ts';
import { digestWeights } from '../files/digest.ts';
import { madeAgain, paceMeter, type TrainingEvent } from './events.ts';
import { rowsOf, type TrainingPlan } from './training-plan.ts';
import { discardWorkFolder, openWorkFolder, type WorkFolder } from './work-folder.ts';

/** Tables of a bound space that are made when they are first needed, and where they are kept until then. */
export interface ComposedTables extends SpaceTables {
  readonly fingerprints: Readonly<Record<string, string>>;
  /** Their names in a reuse folder. */
  readonly pieces: readonly string[];
  /** Makes the tables; reading one before that is refused. Quiet the second time. */
  readonly prepare: () => AsyncGenerator<TrainingEvent, void, undefined>;
  /** Closes the tables and removes their files, or leaves them for a run that goes on. */
  close(options: { readonly keep: boolean }): Promise<void>;
}

/** What a bound space's tables are made of. */
export interface ComposedFrom {
  readonly recipe: Recipe;
  readonly plan: TrainingPlan;
  /** How many of the recipe's steps to apply. */
  readonly steps: number;
  readonly tables: Tables;
  /** Fingerprints of the member spaces' tables, by `SPACE.MODALITY`. */
  readonly members: Readonly<Record<string, string>>;
  readonly bonds: readonly BondData[];
  readonly backend: Backend;
  /** Folder for the files. */
  readonly folder: string;
  /** A folder of finished pieces by content, from which tables are taken and to which new ones go. */
  readonly reuse?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The tables of a recipe's bound space after `steps` steps, one `.npy` file a modality. Their fingerprints say what they are
 * made of and not what they hold: nothing has to be composed to find that the bonds that need them are there already.
 */
export function composeLater(from: ComposedFrom): ComposedTables {
  const { plan, steps, tables, folder } = from;
  const shape = plan.spaces[steps];
  if (shape === undefined) throw new Error(`The recipe has no ${steps} steps.`);
  const factors = plan.factors.slice(0, steps);
  const bonds = from.bonds.map(({ manifest, networks }) => ({
    id: manifest.id,
    heads: Object.entries(networks).map(([head, { weights }]) => [head, digestWeights(weights)]),
  }));
  const identity = { space: shape.id, members: from.members, bonds, factors };
  const origin = `composed:sha256:${createHash('sha256').update(JSON.stringify(identity)).digest('hex')}`;

  const nameOf = (modality: string): string =>
    pieceName({ kind: 'table', of: identity, modality, backend: arithmeticOf(from.backend.manifest) });

  const opened = new Map<string, Table & { close(): Promise<void> }>();
  let work: WorkFolder | undefined;
  const late = (modality: string): Table => {
    const source = tablePath(folder, shape.id, modality);
    const table = (): Table => {
      const found = opened.get(modality);
      if (found !== undefined) return found;
      throw new FreebindError(
        'FREEBIND_CLOSED',
        `${source} is not open; it is there between \`prepare\` and \`close\`.`,
      );
    };
    return {
      rows: rowsOf(tables, modality),
      cols: shape.dimension,
      source,
      read: async (start, end) => table().read(start, end),
      gather: async (indices, into) => table().gather(indices, into),
    };
  };
  return {
    space: shape.id,
    tables: Object.fromEntries(shape.modalities.map((modality) => [modality, late(modality)])),
    fingerprints: Object.fromEntries(shape.modalities.map((modality) => [modality, origin])),
    pieces: shape.modalities.map(nameOf),
    prepare: async function* () {
      if (work !== undefined) return;
      work = await openWorkFolder(folder, identity, { replace: true });
      yield* composeMissing(from, { factors, modalities: shape.modalities, nameOf });
      for (const modality of shape.modalities)
        opened.set(modality, await openNpy(tablePath(folder, shape.id, modality)));
    },
    close: async ({ keep }) => {
      await Promise.all([...opened.values()].map((table) => table.close()));
      opened.clear();
      if (keep) await work?.release();
      else await (work?.remove() ?? discardWorkFolder(folder));
      work = undefined;
    },
  };
}

async function* composeMissing(
  { recipe, steps, tables, bonds, backend, folder, reuse, signal, plan }: ComposedFrom,
  made: {
    readonly factors: readonly Factors[];
    readonly modalities: readonly string[];
    readonly nameOf: (modality: string) => string;
  },
): AsyncGenerator<TrainingEvent, void, undefined> {
  const { factors, modalities, nameOf } = made;
  const space = plan.spaces[steps]?.id ?? '';
  const pieceOf = (modality: string): Piece | undefined =>
    reuse === undefined ? undefined : { folder: reuse, file: `${nameOf(modality)}.npy` };
  const missing: string[] = [];
  const damaged: string[] = [];
  let taken = 0;
  for (const modality of modalities) {
    const finished = await findFinished(tablePath(folder, space, modality), pieceOf(modality));
    damaged.push(...finished.damaged);
    if (finished.found === 'taken') taken++;
    else if (finished.found === 'missing') missing.push(modality);
  }
  const stage = `${space}: tables`;
  const count = (names: readonly string[]): number => names.reduce((sum, name) => sum + rowsOf(tables, name), 0);
  const total = count(modalities);
  let done = total - count(missing);
  yield { type: 'stage', stage, done, total };
  for (const path of damaged) yield madeAgain(stage, path);
  if (taken > 0) yield { type: 'reuse', stage, what: `${taken} of ${modalities.length} tables` };

  const composition = await openComposition({
    recipe: { ...recipe, steps: recipe.steps.slice(0, steps) },
    spaces: shapesOf(tables),
    bonds,
    backend,
  });
  const choice = Object.fromEntries(
    factors.flatMap((byModality, i) => Object.entries(byModality).map(([m, factor]) => [`${i + 1}.${m}`, factor])),
  );
  const pace = paceMeter();
  try {
    for (const modality of missing) {
      const dtype = backend.manifest.precision === 'float64' ? 'f8' : 'f4';
      const writer = await createNpy(tablePath(folder, space, modality), {
        cols: composition.plan.space.dimension,
        dtype,
      });
      try {
        const options = { factors: choice, ...(signal !== undefined && { signal }) };
        for await (const rows of composeTables(composition, tables, modality, options)) {
          await writer.append(rows);
          done += rows.rows;
          yield { type: 'rows', stage, done, total, ...pace(rows.rows, total - done) };
        }
        await writer.commit();
        await seal(tablePath(folder, space, modality));
        const piece = pieceOf(modality);
        if (piece !== undefined) await keepPiece(piece, tablePath(folder, space, modality));
      } finally {
        await writer.discard();
      }
    }
  } finally {
    await composition.close();
  }
  yield { type: 'done', stage, path: folder };
}
