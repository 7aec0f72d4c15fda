import { basename, resolve } from 'node:path';
import type { BoundSpace, Embeddings, Freebind, Modality, Recipe } from '@freebind/core';
import type { LoadedConfig } from '@freebind/core/config';
import type { Command } from 'commander';
import { columns } from '../columns.ts';
import {
  type ComputeOptions,
  computeOptions,
  encoderOptions,
  examples,
  forceOption,
  positive,
  type SpaceOptions,
  usage,
} from '../options.ts';
import type { Session } from '../session.ts';
import { cosinesOf, softmaxOf } from '../similarity.ts';
import type { TableOutput } from '../table-outputs.ts';

interface RetrieveOptions extends ComputeOptions, SpaceOptions {
  readonly audio?: readonly string[];
  readonly image?: readonly string[];
  readonly text?: readonly string[];
  readonly bonds?: string;
  readonly factors?: string;
  readonly temperature: number;
  readonly cosine?: true;
  readonly out?: string;
  readonly force?: true;
}

interface Output extends TableOutput {
  readonly modality: Modality;
  readonly ids: readonly string[];
}

/** One table of similarities: every row item with every column item. */
interface SimilarityTable {
  readonly rows: Modality;
  readonly columns: Modality;
  readonly cosines: readonly (readonly number[])[];
  readonly softmax: readonly (readonly number[])[];
}

/** Modalities in the order of the tables that FreeBind's README prints. */
const ORDER = ['audio', 'image', 'text'] as const satisfies readonly Modality[];

/** `freebind retrieve`: from media to the similarity tables of a recipe, as in FreeBind's README. */
export function retrieve(program: Command, session: Session): void {
  const command = program
    .command('retrieve')
    .description('Embed clips, pictures and texts with a recipe or a space, and print how alike they are.')
    .argument('<recipe>', 'a published variant, such as imagebind++; a recipe, its .json file, or a space')
    .option('--audio <files...>', 'sounds: WAV, FLAC, MP3, Ogg, and M4A after npm i node-web-audio-api')
    .option('--image <files...>', 'pictures: JPEG, PNG, WebP, AVIF, GIF')
    .option('--text <texts...>', 'texts, each in quotes')
    .option('--bonds <dir>', "folder of bonds (default: the config's)")
    .option('--factors <which>', 'one factor a modality: audio=.8,text=.5; with c(…) also versatile or at-expertise')
    .option('--temperature <number>', 'softmax over every row of cosine / temperature', positive, 0.1)
    .option('--cosine', 'print cosines instead of the softmax')
    .option('--out <dir>', 'also write the embeddings there, as a table folder')
    .addOption(forceOption())
    .addHelpText(
      'after',
      examples(
        'freebind retrieve imagebind++ --bonds bonds --audio *.wav --image *.jpeg --text "a dog" "rain"',
        'freebind retrieve internvl_ib_ft++ --bonds bonds --factors at-expertise --audio dog.wav --text "a dog" "rain" --json',
      ),
    )
    .action(async (source: string, options: RetrieveOptions) => {
      const given = ORDER.filter((modality) => (options[modality] ?? []).length > 0);
      if (given.length < 2) usage(command, 'give items of at least two of --audio, --image and --text');
      await run(source, given, options, session);
    });
  for (const option of [...encoderOptions(), ...computeOptions('the backend and of each encoder')])
    command.addOption(option);
}

async function run(
  source: string,
  given: readonly Modality[],
  options: RetrieveOptions,
  session: Session,
): Promise<void> {
  const { withSpaces } = await import('../backend.ts');
  const { readRecipe } = await import('../recipes.ts');
  const { spacesOf } = await import('../recipe-spaces.ts');
  const { refuseTable } = await import('../table-outputs.ts');
  const { out, force, temperature } = options;
  const recipe = await readRecipe(source);
  const outputs = out === undefined ? [] : await outputsOf(recipe, out, given, options);
  for (const output of outputs) await refuseTable(output, force);
  const use = async (freebind: Freebind, config: LoadedConfig | undefined): Promise<void> => {
    const bonds = options.bonds === undefined ? config?.bonds : resolve(options.bonds);
    const space = await freebind.bind(recipe, {
      ...(bonds !== undefined && { bonds }),
      ...(options.factors !== undefined && { factors: options.factors }),
    });
    const embedded = new Map<Modality, Embeddings>();
    for (const modality of given)
      embedded.set(modality, await embed(space, modality, options[modality] ?? [], session));
    const tables = pairsOf(given).map(([rows, columns]): SimilarityTable => {
      const cosines = cosinesOf(rowsOf(embedded, rows), rowsOf(embedded, columns));
      return { rows, columns, cosines, softmax: softmaxOf(cosines, temperature) };
    });
    const written = out === undefined ? undefined : await writeTables(outputs, out, embedded);
    const items = Object.fromEntries(given.map((modality) => [modality, options[modality] ?? []]));
    const { id, source: sources } = space.manifest;
    session.result(
      { space: id, name: recipe.name, factors: space.factors, sources, items, temperature, tables, written },
      format(space, recipe, tables, options),
    );
  };
  await withSpaces(spacesOf(recipe), options, session, use, options);
}

/** Embeds items one after the other, so that what a file is refused for is said of that file. */
async function embed(
  space: BoundSpace,
  modality: Modality,
  items: readonly string[],
  session: Session,
): Promise<Embeddings> {
  const { FreebindError, isFreebindError, matrix } = await import('@freebind/core');
  const { signal } = session;
  const progress = await session.progress();
  const { id, dimension } = space.manifest;
  const all = matrix(items.length, dimension);
  try {
    for (const [i, item] of items.entries()) {
      try {
        const { data } = await space.embed(modality, [await inputOf(modality, item, signal)], { signal });
        all.data.set(data, i * dimension);
      } catch (error) {
        if (!isFreebindError(error) || modality === 'text' || error.code === 'FREEBIND_ABORTED') throw error;
        throw new FreebindError(error.code, `${item}: ${error.message}`, { cause: error });
      }
      progress.update({ stage: `embed ${modality}`, done: i + 1, total: items.length });
    }
  } finally {
    progress.stop();
  }
  return { ...all, space: id, unit: true };
}

async function inputOf(modality: Modality, item: string, signal: AbortSignal) {
  if (modality === 'text') return item;
  const { readAudio, readImage } = await import('@freebind/media');
  return modality === 'audio' ? readAudio(item, { signal }) : readImage(item, { signal });
}

function pairsOf(given: readonly Modality[]): readonly (readonly [Modality, Modality])[] {
  return given.flatMap((rows, i) => given.slice(i + 1).map((columns) => [rows, columns] as const));
}

function rowsOf(embedded: ReadonlyMap<Modality, Embeddings>, modality: Modality): Embeddings {
  const rows = embedded.get(modality);
  if (rows === undefined) throw new Error(`No rows of ${modality} were embedded.`);
  return rows;
}

/** The tables that are asked for, with the items as their ids. */
async function outputsOf(
  recipe: Recipe,
  out: string,
  modalities: readonly Modality[],
  options: RetrieveOptions,
): Promise<readonly Output[]> {
  const { spaceIdOf } = await import('@freebind/core');
  const { idOf } = await import('@freebind/embed');
  return modalities.map((modality) => {
    const ids = (options[modality] ?? []).map(idOf);
    return { out, space: recipe.name ?? spaceIdOf(recipe), modality, rows: ids.length, ids };
  });
}

/** Writes a table a modality, with ids. */
async function writeTables(
  outputs: readonly Output[],
  out: string,
  embedded: ReadonlyMap<Modality, Embeddings>,
): Promise<readonly string[]> {
  const { idsPath, lockFolder, tablePath, writeFileAtomic, writeNpy } = await import('@freebind/core/files');
  const { forgetTable } = await import('../table-outputs.ts');
  const lock = await lockFolder(out);
  const written: string[] = [];
  try {
    for (const output of outputs) {
      const { space, modality, ids } = output;
      const path = tablePath(out, space, modality);
      await writeNpy(path, rowsOf(embedded, modality));
      await forgetTable(output);
      await writeFileAtomic(idsPath(out, modality), `${ids.join('\n')}\n`);
      written.push(path);
    }
    return written;
  } finally {
    await lock.release();
  }
}

function format(
  space: BoundSpace,
  recipe: Recipe,
  tables: readonly SimilarityTable[],
  options: RetrieveOptions,
): string {
  const { cosine, temperature } = options;
  const factors = space.factors.flatMap((step) => Object.entries(step).map(([key, factor]) => `${key}=${factor}`));
  const head = `${recipe.name ?? space.manifest.id}${factors.length > 0 ? `, factors ${factors.join(' ')}` : ''}`;
  const printed = tables.map(({ rows, columns: across, cosines, softmax }) => {
    const names = labels(across, options[across] ?? []);
    const lines = labels(rows, options[rows] ?? []).map((name, r) => [
      name,
      ...((cosine === true ? cosines : softmax)[r] ?? []).map((score) => score.toFixed(4)),
    ]);
    return columns([[`${rows} × ${across}`, ...names], ...lines]);
  });
  const legend = cosine === true ? 'Cosines.' : `Softmax over each row of cosine / ${temperature}.`;
  return [head, ...printed, `${legend} Licences: ${space.manifest.source.license}.`].join('\n\n');
}

/** Items as they fit over a column: the last part of a path, the beginning of a text. */
function labels(modality: Modality, items: readonly string[]): readonly string[] {
  return items.map((item) => {
    const shown = modality === 'text' ? item : basename(item);
    return shown.length > 24 ? `${shown.slice(0, 23)}…` : shown;
  });
}
