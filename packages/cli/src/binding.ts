import { resolve } from 'node:path';
import {
  type Backend,
  type BindingReport,
  type BondSource,
  evaluateBinding,
  findLeakage,
  formatRecipe,
  type Freebind,
  type ItemPool,
  type LeakageReport,
  type Recipe,
  refuseSharedIds,
  shapesOf,
  type Tables,
} from '@freebind/core';
import { bondsIn, type TableFolder } from '@freebind/core/files';
import type { LeakageCheck, LeakedItem } from '@freebind/report';
import { readRecipe } from './recipes.ts';
import { chooseSpace, pickRows, readRowNumbers } from './tables.ts';

/** Head that stands for the mixture where only one is taken: it learns from all sources (FreeBind §3.3). */
const ONE_HEAD = 'mix';

/** What `freebind eval --report` and `--recipe` are given. */
export interface BindingChoice {
  readonly recipe?: string;
  readonly space?: string;
  readonly bonds?: string;
  readonly factors?: string;
  readonly rows?: string;
  readonly validation?: string;
  readonly trained?: string;
  readonly beside?: readonly string[];
  readonly seed: number;
}

/** A bound space, or a space, beside its controls. */
export interface EvaluatedBinding {
  readonly title: string;
  readonly report: BindingReport;
  readonly leakage?: LeakageReport;
  readonly provenance: readonly string[];
}

/** Evaluates a recipe, or a space as it is, on the rows of a table folder. */
export async function evaluateFolderBinding(
  folder: TableFolder,
  choice: BindingChoice,
  work: {
    readonly freebind: Freebind;
    readonly signal: AbortSignal;
    readonly onProgress: (mark: { readonly stage: string; readonly done: number; readonly total: number }) => void;
  },
): Promise<EvaluatedBinding> {
  const { freebind, signal, onProgress } = work;
  const recipe: Recipe =
    choice.recipe === undefined
      ? { base: chooseSpace(folder, choice.space), steps: [] }
      : await readRecipe(choice.recipe);
  const rows = choice.rows === undefined ? undefined : await readRowNumbers(choice.rows);
  const validation = choice.validation === undefined ? undefined : await readRowNumbers(choice.validation);
  if (validation !== undefined) await refuseShared(folder, validation, rows);
  const sources = choice.bonds === undefined ? [] : await bondsIn(resolve(choice.bonds));
  for (const space of choice.beside ?? []) chooseSpace(folder, space); // refuses what the folder does not have
  const spaces = shapesOf(folder);
  const backend = await freebind.backend();
  const several = sources.some(({ manifest: { heads } }) => heads.length > 1 && heads.includes(ONE_HEAD));
  const report = await evaluateBinding({
    recipe,
    compose: (part, head) =>
      freebind.compose(part, {
        spaces,
        bonds: head === undefined ? sources : sources.map((one) => oneHead(one, head)),
      }),
    tables: rowsOf(folder, rows),
    ...(validation !== undefined && { validation: rowsOf(folder, validation) }),
    ...(choice.factors !== undefined && { factors: choice.factors }),
    ...(several && { head: ONE_HEAD }),
    ...(choice.beside !== undefined && { beside: choice.beside }),
    backend,
    interval: { seed: choice.seed },
    signal,
    onProgress,
  });
  const leakage = choice.trained === undefined ? {} : { leakage: await lookForLeaks(folder, recipe, choice, backend) };
  return {
    title: formatRecipe(recipe),
    report,
    ...leakage,
    provenance: [
      `Tables: ${folder.path}${choice.rows === undefined ? ', all rows' : `, rows ${choice.rows}`}.`,
      ...(recipe.steps.length === 0 ? [] : [`Factors: ${choice.factors ?? "the recipe's own, or the papers'"}.`]),
      ...(choice.validation === undefined ? [] : [`Shares of mixed scores were chosen on rows ${choice.validation}.`]),
      `Backend: ${backend.manifest.id}, ${backend.manifest.device}. Intervals: 95 %, 1,000 resamples, seed ${choice.seed}.`,
    ],
  };
}

/** What was found, as a page shows it. */
export function leakageCheck({ byId, byEmbedding, threshold, checked }: LeakageReport): LeakageCheck {
  return {
    checked: checked.byEmbedding,
    threshold,
    byId: byId.map(leakedItem),
    byEmbedding: byEmbedding.map((leak) => ({ ...leakedItem(leak), cosine: leak.cosine })),
    expected: [],
  };
}

function leakedItem({ evaluation, training }: LeakageReport['byId'][number]): LeakedItem {
  return {
    id: evaluation.id ?? `row ${evaluation.row}`,
    trainedOn: `${training.pool}, ${training.id ?? `row ${training.row}`}`,
    evaluatedOn: evaluation.pool,
  };
}

/** The folder's tables with some of their rows only. */
function rowsOf(folder: TableFolder, rows: Int32Array | undefined): Tables {
  return {
    spaces: folder.spaces,
    modalities: (space) => folder.modalities(space),
    table: (space, modality) => pickRows(folder.table(space, modality), rows),
  };
}

/** Shares of scores may not be chosen on what is evaluated. @throws FREEBIND_ARGUMENT_INVALID */
async function refuseShared(folder: TableFolder, validation: Int32Array, rows: Int32Array | undefined): Promise<void> {
  const [modality = ''] = folder.spaces.flatMap((space) => folder.modalities(space));
  const evaluated = rows ?? Int32Array.from({ length: folder.rows(modality) }, (_, row) => row);
  const ids = await folder.ids(modality);
  const named = (numbers: Int32Array): readonly string[] => Array.from(numbers, (row) => ids?.[row] ?? `row ${row}`);
  refuseSharedIds(named(validation), named(evaluated));
}

function oneHead(source: BondSource, head: string): BondSource {
  if (!('read' in source) || !source.manifest.heads.includes(head)) return source;
  const manifest = { ...source.manifest, heads: [head] };
  return {
    manifest,
    read: async () => {
      const network = (await source.read()).networks[head];
      if (network === undefined) throw new Error(`The bond "${manifest.id}" has the head ${head} by its manifest.`);
      return { manifest, networks: { [head]: network } };
    },
  };
}

/** Looks for evaluated items among the rows that were trained on, by id and by embedding in every space of the recipe. */
async function lookForLeaks(
  folder: TableFolder,
  { base, steps }: Recipe,
  { trained = '', rows }: BindingChoice,
  backend: Backend,
): Promise<LeakageReport> {
  const trainedRows = await readRowNumbers(trained);
  const evaluated = rows === undefined ? undefined : await readRowNumbers(rows);
  const pools = async (name: string, numbers: Int32Array | undefined): Promise<readonly ItemPool[]> => {
    const named = new Set<string>();
    const made: ItemPool[] = [];
    for (const space of new Set([base, ...steps.flatMap(({ experts }) => experts)])) {
      for (const modality of folder.modalities(space)) {
        const table = pickRows(folder.table(space, modality), numbers);
        const ids = await folder.ids(modality);
        const rowNumbers = numbers ?? Int32Array.from({ length: table.rows }, (_, row) => row);
        made.push({
          name: `${name} ${space}.${modality}`,
          modality,
          space,
          table,
          // Rows of a modality are the same items in every space: its ids are asked once.
          ...(!named.has(modality) && { ids: Array.from(rowNumbers, (row) => ids?.[row] ?? `row ${row}`) }),
        });
        named.add(modality);
      }
    }
    return made;
  };
  return findLeakage({
    training: await pools('trained on', trainedRows),
    evaluation: await pools('evaluated', evaluated),
    backend,
  });
}
