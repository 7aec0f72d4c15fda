import { adapter } from '../adapter.ts';
import type { Pair } from '../backend.ts';
import type { Tables } from '../compose-tables.ts';
import type { FuseTraining } from '../fusemix/fuse-options.ts';
import { LATENTS_LAYER } from '../fusemix/latents.ts';
import type { Layer } from '../network.ts';
import { projector } from '../projector.ts';
import { type SpaceTables, tupleColumns } from '../pseudo-pairs/tuples.ts';
import type { SpaceShape } from '../bonding.ts';
import type { Recipe } from '../recipe.ts';
import type { Table } from '../table.ts';
import { stepsPerEpoch } from '../training/batch-order.ts';
import { type BondTraining, headsOf } from '../training/bond-options.ts';
import { pairsOf } from '../training/head.ts';
import { type PlannedBond, planTraining, rowsOf } from '../training/training-plan.ts';
import { parameterNumbers, type Work, writtenNumbers } from './work.ts';

/** One line of a plan: what is done, and what of it lies on disk, in bytes of float32. */
export interface Stage {
  readonly name: string;
  readonly works: readonly Work[];
  /** Bytes that stay, finished pieces in the reuse folder among them. */
  readonly disk: number;
  /** Bytes beside checkpoints that go with them, when the bond or the space is whole. Default 0. */
  readonly scratch?: number;
  /** With its end a bond or a space is whole. */
  readonly whole?: boolean;
}

/** A table of which only the shape is known: to plan with. Reading it is an error. */
export function shapeOnly(rows: number, cols: number, source: string): Table {
  const refuse = async (): Promise<never> => {
    throw new Error(`${source} is planned and has no rows yet.`);
  };
  return { rows, cols, source, read: refuse, gather: refuse };
}

/**
 * The stages of training a recipe's bonds, as `trainRecipe` goes through them; only shapes of the tables are read.
 *
 * @throws what `planTraining` and `pairsOf` refuse
 */
export function trainingStages(options: {
  readonly recipe: Recipe;
  readonly tables: Tables;
  readonly training: BondTraining;
}): readonly Stage[] {
  const { recipe, tables, training } = options;
  const { bonds, spaces } = planTraining({ ...options, bonds: '' });
  const named = [...new Set([recipe.base, ...bonds.map(({ expert }) => expert.id)])];
  const checked = named.flatMap((space) =>
    tables.modalities(space).map((modality): Work => {
      const { rows, cols } = tables.table(space, modality);
      return { kind: 'check', rows, cols };
    }),
  );
  const stages: Stage[] = [{ name: 'check tables', works: checked, disk: 0 }];
  for (const [step] of recipe.steps.entries()) {
    const composed = spaces[step];
    if (step > 0 && composed !== undefined) stages.push(composition(composed, { step, bonds, tables, training }));
    for (const bond of bonds) if (bond.step === step) stages.push(...bondStages(bond, tables, training));
  }
  return stages;
}

/** Pseudo pairs of a bond, then its heads. */
function bondStages(bond: PlannedBond, tables: Tables, training: BondTraining): readonly Stage[] {
  const { id, kind, unified, expert } = bond;
  const heads = headsOf(training, unified.modalities);
  const sources = [...new Set(heads.flatMap((head) => head.sources))];
  const widthIn = { unified: unified.dimension, expert: expert.dimension };
  const aggregated = sources.flatMap((source) =>
    tupleColumns(unified.modalities, expert.modalities, source).flatMap(
      ({ party, modality, scoredIn }): readonly Work[] => {
        if (scoredIn === undefined) return [];
        const bank = Math.min(training.bank ?? Infinity, rowsOf(tables, modality));
        const [keyCols, valueCols] = [widthIn[scoredIn], widthIn[party]];
        return [
          { kind: 'aggregate', queries: rowsOf(tables, source), bank, keyCols, valueCols, own: scoredIn === party },
        ];
      },
    ),
  );
  const direction = { kind, unified: shapes(unified), expert: shapes(expert) };
  const [from, into] = kind === 'displacement' ? [unified, expert] : [expert, unified];
  const layers = projector({ input: from.dimension, output: into.dimension, hidden: training.hidden });
  const weights = 4 * parameterNumbers(layers);
  const trained = heads.map((head, i): Stage => {
    const { rows = 0, steps = 0 } = bond.heads[i] ?? {};
    const pairs = pairsOf(direction, training.pairs, head);
    const work: Work = {
      kind: 'train',
      steps,
      rows,
      batch: Math.min(training.batch, rows),
      mixup: false,
      networks: { projector: layers },
      objective: { pairs, temperature: { initial: training.temperature } },
      tables: Object.fromEntries(
        pairs.flatMap(({ left, right }) => [left.table, right.table]).map((name) => [name, widthOf(name, widthIn)]),
      ),
    };
    const whole = i === heads.length - 1;
    // Its piece in the reuse folder, and behind the last head the bond with all of them.
    const disk = weights * (whole ? 1 + heads.length : 1);
    return { name: `${id}: head ${head.name}`, works: [work], disk, whole };
  });
  return [{ name: `${id}: pseudo pairs`, works: aggregated, disk: bytesOf(aggregated) }, ...trained];
}

/** The tables of a bound space, which the next step binds. */
function composition(
  { id, modalities, dimension }: SpaceShape,
  made: {
    readonly step: number;
    readonly bonds: readonly PlannedBond[];
    readonly tables: Tables;
    readonly training: BondTraining;
  },
): Stage {
  const works = modalities.flatMap((modality) =>
    made.bonds
      .filter((bond) => bond.step < made.step)
      .flatMap(({ kind, unified, expert, heads }): readonly Work[] => {
        const [from, into] = kind === 'displacement' ? [unified, expert] : [expert, unified];
        if (!from.modalities.includes(modality)) return [];
        const layers = projector({ input: from.dimension, output: into.dimension, hidden: made.training.hidden });
        return [{ kind: 'project', rows: rowsOf(made.tables, modality), mixture: heads.map(() => layers) }];
      }),
  );
  const rows = modalities.reduce((sum, modality) => sum + rowsOf(made.tables, modality), 0);
  return { name: `${id}: tables`, works, disk: 4 * rows * dimension };
}

/** The stages of fusing one space, as `fuse` goes through them, and of making tables with it. */
export function fuseStages(options: {
  readonly name: string;
  /** Rows and columns of one view, and how many views there are, by modality. */
  readonly modalities: Readonly<
    Record<string, { readonly rows: number; readonly cols: number; readonly views: number }>
  >;
  /** Items that are trained on. */
  readonly items: number;
  readonly training: FuseTraining;
  readonly embed?: readonly { readonly modality: string; readonly rows: number }[];
}): readonly Stage[] {
  const { name, modalities, items, training, embed = [] } = options;
  const { latents, batch: wanted, mixup, epochs, temperature } = training;
  const entries = Object.entries(modalities);
  const widthOfLatents = (cols: number): number => Math.min(latents.reduce ?? cols, cols);
  const rotates = (cols: number): boolean => widthOfLatents(cols) < cols || latents.whiten === true;
  const prepared = latents.standardise === true || entries.some(([, { cols }]) => rotates(cols));

  const most = mixup === false ? items : items - (items % 2);
  const batch = Math.min(wanted, most);
  const { shortBatch } = training;
  const steps = stepsPerEpoch({ seed: 0, stage: '', items, batch, shortBatch }) * epochs;
  const names = Object.keys(modalities);
  const pairs = names.flatMap((left, i) =>
    names
      .slice(i + 1)
      .map((right): Pair => ({ left: { table: left, network: left }, right: { table: right, network: right } })),
  );
  const adapters = Object.fromEntries(
    entries.map(([modality, { cols }]) => [modality, adapter({ input: widthOfLatents(cols), ...training.adapter })]),
  );
  const preparation = entries.flatMap(([, { cols, views }]): readonly Work[] => {
    const axes = widthOfLatents(cols);
    const [rows, layer] = [items * views, linear(cols, axes)];
    const fit: Work = { kind: 'fit', rows, cols, ...(rotates(cols) && { axes }) };
    return [fit, { kind: 'project', rows, mixture: [[layer]] }];
  });
  const train: Work = {
    kind: 'train',
    steps,
    rows: items,
    batch,
    mixup: mixup !== false,
    networks: adapters,
    objective: { pairs, temperature },
    tables: Object.fromEntries(entries.map(([modality, { cols }]) => [modality, widthOfLatents(cols)])),
  };
  const embedded = embed.map(({ modality, rows }): Work => {
    const { cols = 0 } = modalities[modality] ?? {};
    const front = prepared ? [linear(cols, widthOfLatents(cols))] : [];
    return { kind: 'project', rows, mixture: [[...front, ...(adapters[modality] ?? [])]] };
  });
  const preparedBy = prepared ? entries.map(([, { cols }]) => linear(cols, widthOfLatents(cols))) : [];
  const weights = 4 * parameterNumbers([...Object.values(adapters).flat(), ...preparedBy]);
  return [
    {
      name: `${name}: check latents`,
      works: entries.map(([, { cols, views }]) => ({ kind: 'check', rows: items * views, cols })),
      disk: 0,
    },
    ...(prepared
      ? [{ name: `${name}: prepare latents`, works: preparation, disk: 0, scratch: bytesOf(preparation) }]
      : []),
    { name: `${name}: fuse`, works: [train], disk: weights, whole: true },
    ...(embedded.length > 0 ? [{ name: `${name}: embed tables`, works: embedded, disk: bytesOf(embedded) }] : []),
  ];
}

function linear(input: number, output: number): Layer {
  return { kind: 'linear', name: LATENTS_LAYER, input, output };
}

function bytesOf(works: readonly Work[]): number {
  return works.reduce((sum, work) => sum + 4 * writtenNumbers(work), 0);
}

/** What `pairsOf` asks of a space: its modalities. */
function shapes({ id, modalities, dimension }: SpaceShape): SpaceTables {
  const tables = modalities.map((modality) => [modality, shapeOnly(0, dimension, `${id}.${modality}`)] as const);
  return { space: id, tables: Object.fromEntries(tables) };
}

function widthOf(table: string, widths: { readonly unified: number; readonly expert: number }): number {
  return table.startsWith('unified.') ? widths.unified : widths.expert;
}
