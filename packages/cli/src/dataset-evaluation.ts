import { join, resolve } from 'node:path';
import {
  type Composition,
  composeTables,
  type Freebind,
  FreebindError,
  isFreebindError,
  matrix,
  type Recipe,
  type ScoringOptions,
  type Space,
  spaceIdOf,
} from '@freebind/core';
import type { LoadedConfig } from '@freebind/core/config';
import { idsPath, openTables, type TableFolder } from '@freebind/core/files';
import { datasetOf, differencesOf, type EvaluationSet, promptsOf, readDataset, type SetSide } from '@freebind/datasets';
import { embedFiles } from '@freebind/embed';
import { withSpaces } from './backend.ts';
import { type ComposedSide, measureClasses, measureRetrieval } from './dataset-measures.ts';
import { comparePublished, type DatasetReport } from './dataset-report.ts';
import { readRecipe } from './recipes.ts';
import { spacesOf } from './recipe-spaces.ts';
import type { ComputeOptions, SpaceOptions } from './options.ts';
import type { Session } from './session.ts';

/** What is evaluated, and on which copy. */
export interface DatasetChoice extends ComputeOptions, SpaceOptions {
  readonly dataset: string;
  readonly root: string;
  readonly recipe: string;
  readonly bonds?: string;
  readonly factors?: string;
  readonly annotations?: string;
  /** Where embeddings are kept. Default `.freebind/datasets/NAME`. */
  readonly tables?: string;
  readonly strict?: boolean;
  readonly force?: boolean;
}

/**
 * Embeds a local copy of a data set with every space of a recipe, composes the rows and evaluates them as the papers do. The
 * embeddings are kept: stopped at any moment, the same call goes on, and another recipe or other factors embed only what is new.
 *
 * @throws what reading the set, planning the recipe, embedding and evaluating throw; FREEBIND_FILE_MISSING with `strict` when media are missing
 */
export async function evaluateDataset(choice: DatasetChoice, session: Session): Promise<DatasetReport> {
  const { name, title } = datasetOf(choice.dataset);
  const recipe = await readRecipe(choice.recipe);
  const set = await readDataset(name, resolve(choice.root), {
    ...(choice.annotations !== undefined && { annotations: choice.annotations }),
  });
  tellMissing(set, title, choice, session);
  const dir = choice.tables ?? join('.freebind', 'datasets', name);
  const use = async (freebind: Freebind, config: LoadedConfig | undefined): Promise<DatasetReport> => {
    const bonds = choice.bonds === undefined ? config?.bonds : resolve(choice.bonds);
    const spaces: Space[] = [];
    for (const id of spacesOf(recipe)) spaces.push(await freebind.space(id));
    // Before anything is embedded: a recipe that does not fit should not cost a day.
    const composition = await freebind.compose(recipe, {
      spaces: spaces.map(({ manifest }) => manifest),
      ...(bonds !== undefined && { bonds }),
      ...(choice.factors !== undefined && { factors: choice.factors }),
    });
    for (const side of sidesOf(set)) await embedSide(side, composition, spaces, { dir, choice, session });
    return measure({ set, recipe, composition, freebind, dir }, choice, session);
  };
  return withSpaces(spacesOf(recipe), choice, session, use, choice);
}

function tellMissing(set: EvaluationSet, title: string, { strict }: DatasetChoice, session: Session): void {
  const { missing, annotated } = set;
  if (missing.length === 0) return;
  const text = `${missing.length} of ${annotated} items of ${title} are missing: ${missing.slice(0, 10).join(', ')}${missing.length > 10 ? ', … (--json lists all)' : ''}.`;
  if (strict !== true) return session.note(text);
  throw new FreebindError('FREEBIND_FILE_MISSING', `${text} Put them there, or leave out --strict.`);
}

/** What has to be embedded. */
function sidesOf(set: EvaluationSet): readonly SetSide[] {
  return set.task === 'retrieval' ? [set.queries, set.gallery] : [set.media, promptsOf(set).side];
}

/** Embeds one modality with the spaces that have no table of it yet, in one pass, after checking the tables of the others. */
async function embedSide(
  { modality, items }: SetSide,
  composition: Composition,
  spaces: readonly Space[],
  { dir, choice, session }: { readonly dir: string; readonly choice: DatasetChoice; readonly session: Session },
): Promise<void> {
  const wanted = new Set(composition.members(modality).map(({ id }) => id));
  const members = spaces.filter(({ manifest }) => wanted.has(manifest.id));
  const there = choice.force === true ? [] : await spacesWithTables(dir, modality);
  const groups = [
    ...members.filter(({ manifest }) => there.includes(manifest.id)).map((space) => [space]),
    members.filter(({ manifest }) => !there.includes(manifest.id)),
  ];
  const { batch, workers } = choice;
  const progress = await session.progress();
  try {
    for (const group of groups.filter((each) => each.length > 0)) {
      const events = embedFiles({
        spaces: group,
        modality,
        // A generator function, since it is walked twice.
        items: async function* all() {
          yield* items;
        },
        out: dir,
        strict: choice.strict === true,
        replace: choice.force === true,
        ...(batch !== undefined && { batch }),
        ...(workers !== undefined && { workers }),
        signal: session.signal,
      });
      for await (const event of events) {
        if (event.type === 'rows') progress.update({ ...event, rate: event.rowsPerSecond, left: event.etaSeconds });
        if (event.type === 'skipped') session.note(`${event.id} is left out: ${event.message}`);
        if (event.type === 'warning') session.note(event.message);
      }
    }
  } catch (error) {
    if (!isFreebindError(error, 'FREEBIND_OUTPUT_EXISTS')) throw error;
    throw new FreebindError(
      error.code,
      `${dir} has tables with which this evaluation of ${resolve(choice.root)} cannot go on. Name another folder for its own: --tables DIR; --force throws away those that are there. (${error.message})`,
      { cause: error },
    );
  } finally {
    progress.stop();
  }
}

async function spacesWithTables(dir: string, modality: string): Promise<readonly string[]> {
  const tables = await openTables(dir).catch((error: unknown) => {
    if (error instanceof FreebindError && error.code === 'FREEBIND_FILE_MISSING') return undefined;
    throw error;
  });
  try {
    return tables?.spaces.filter((space) => tables.has(space, modality)) ?? [];
  } finally {
    await tables?.close();
  }
}

interface Prepared {
  readonly set: EvaluationSet;
  readonly recipe: Recipe;
  readonly composition: Composition;
  readonly freebind: Freebind;
  readonly dir: string;
}

async function measure(prepared: Prepared, choice: DatasetChoice, session: Session): Promise<DatasetReport> {
  const { set, recipe, composition, freebind, dir } = prepared;
  const tables = await openTables(dir);
  const progress = await session.progress();
  try {
    const backend = await freebind.backend();
    const onProgress = (done: number, total: number): void => progress.update({ stage: 'evaluate', done, total });
    const scoring: ScoringOptions = { backend, signal: session.signal, onProgress };
    const compose = (side: SetSide): Promise<ComposedSide> => composeSide(side, prepared, tables, choice, session);
    const { measured, items, skipped } =
      set.task === 'retrieval'
        ? await measureRetrieval(set, compose, scoring)
        : await measureClasses(set, compose, scoring);
    const name = recipe.name ?? spaceIdOf(recipe);
    return {
      dataset: set.dataset,
      recipe: name,
      space: spaceIdOf(recipe),
      factors: composition.factors(choice.factors),
      tables: dir,
      items,
      missing: set.missing,
      skipped,
      measured,
      published: comparePublished(set.dataset, recipe, composition, {
        factors: choice.factors,
        differences: differencesOf(set, skipped.length),
      }),
    };
  } finally {
    progress.stop();
    await tables.close();
  }
}

async function composeSide(
  { modality, items }: SetSide,
  { composition, dir }: Prepared,
  tables: TableFolder,
  { factors }: DatasetChoice,
  session: Session,
): Promise<ComposedSide> {
  const ids = await tables.ids(modality);
  if (ids === undefined)
    throw new FreebindError(
      'FREEBIND_FILE_MISSING',
      `${idsPath(dir, modality)} is not there any more. Evaluate again with --force.`,
    );
  const places = new Map(ids.map((id, row) => [id, row]));
  const twice = ids.find((id, row) => places.get(id) !== row);
  if (twice !== undefined)
    throw new FreebindError(
      'FREEBIND_FILE_INVALID',
      `${idsPath(dir, modality)} has "${twice}" twice, and nothing tells which of its rows is meant. Embed into another folder (--tables).`,
    );
  const rows = matrix(ids.length, composition.plan.space.dimension);
  let at = 0;
  const options = { signal: session.signal, ...(factors !== undefined && { factors }) };
  for await (const tile of composeTables(composition, tables, modality, options)) {
    rows.data.set(tile.data, at);
    at += tile.data.length;
  }
  const rowOf = items.map(({ id }) => places.get(id));
  return { rows, rowOf, skipped: items.flatMap(({ id }, i) => (rowOf[i] === undefined ? [id] : [])) };
}
