import { resolve } from 'node:path';
import type { Tables, TunedPoint, TuneResult } from '@freebind/core';
import type { TableFolder } from '@freebind/core/files';
import type { Command } from 'commander';
import { columns } from '../columns.ts';
import { counted } from '../counted.ts';
import { type ComputeOptions, computeOptions, examples, forceOption, whole } from '../options.ts';
import type { Session } from '../session.ts';

interface TuneOptions extends ComputeOptions {
  readonly tables: string;
  readonly bonds: string;
  readonly validation?: string;
  readonly test?: string;
  readonly goal: string;
  readonly recall: number;
  readonly preset: string;
  readonly steps: number;
  readonly allBonds?: true;
  readonly out?: string;
  readonly force?: true;
}

/** Points of the Pareto front that are printed; `--json` has all. */
const SHOWN = 12;

/** `freebind tune`: which bonds, and which factors, chosen on validation items. */
export function tune(program: Command, session: Session): void {
  const command = program
    .command('tune')
    .description(
      'Choose bonds and factors for a goal, on validation items and without training: coarse to fine, as a Pareto front.',
    )
    .argument('<recipe>', 'what to tune: recipe text, or a .json file of a recipe')
    .requiredOption('--tables <dir>', 'folder of <space>.<modality>.npy, row i the same item in all of them')
    .requiredOption('--bonds <dir>', 'folder of bonds')
    .option('--validation <file:key>', 'rows to choose on, from a JSON file, e.g. splits.json:val')
    .option('--test <file:key>', 'rows that are tested on, only to be sure that none of them is used')
    .option('--goal <which>', 'mean, a direction (audio->image), or weights (audio->image=2,text->audio=1)', 'mean')
    .option('--recall <k>', 'which recall to raise: 1 for R@1', whole(1), 1)
    .option('--steps <n>', 'factors from 0 to 1 on each side of a surface', whole(2), 21)
    .option('--all-bonds', 'apply every bond of the recipe; do not ask whether fewer do better')
    .option('--preset <name>', 'what the chosen factors are called in the recipe', 'tuned')
    .option('--out <file>', 'write the recipe with the chosen factors here, as JSON')
    .addOption(forceOption())
    .addHelpText(
      'after',
      examples(
        'freebind tune "u + d(vt) + c(at)" --tables tables --bonds bonds --validation splits.json:val --out tuned.json',
        'freebind tune "u + c(at)" --tables tables --bonds bonds --validation splits.json:val --goal "audio->image"',
        'freebind compose tuned.json --tables tables --bonds bonds --factors tuned --out bound',
      ),
    )
    .action((text: string, options: TuneOptions) => tuneFolder(text, options, session));
  for (const option of computeOptions()) command.addOption(option);
}

async function tuneFolder(text: string, options: TuneOptions, session: Session): Promise<void> {
  const { shapesOf, tuneRecipe } = await import('@freebind/core');
  const { openTables, writeFileAtomic } = await import('@freebind/core/files');
  const { withFreebind } = await import('../backend.ts');
  const { refuseOutput } = await import('../outputs.ts');
  const { readRecipe } = await import('../recipes.ts');
  const { goal, recall: k, steps, preset, allBonds, out, force } = options;
  const recipe = await readRecipe(text);
  if (out !== undefined) await refuseOutput(out, '.json', force);
  const folder = await openTables(options.tables);
  const progress = await session.progress();
  try {
    const tables = await chooseRows(folder, options);
    const spaces = shapesOf(folder);
    const result = await withFreebind(options, session, async (freebind) =>
      tuneRecipe({
        recipe,
        compose: (part) => freebind.compose(part, { spaces, bonds: resolve(options.bonds) }),
        backend: await freebind.backend(),
        validation: tables && { tables },
        goal,
        k,
        steps,
        preset,
        coarse: allBonds !== true,
        signal: session.signal,
        onProgress: (mark) => progress.update(mark),
      }),
    );
    progress.stop();
    if (out !== undefined) await writeFileAtomic(out, `${JSON.stringify(result.recipe, null, 2)}\n`);
    session.result({ ...result, ...(out !== undefined && { out }) }, formatResult(result, out));
  } finally {
    progress.stop();
    await folder.close();
  }
}

/** The validation rows of every table; none of them may be tested on. @throws FREEBIND_ARGUMENT_INVALID naming shared rows or ids */
async function chooseRows(
  folder: TableFolder,
  { validation, test }: Pick<TuneOptions, 'validation' | 'test'>,
): Promise<Tables | undefined> {
  const { refuseSharedIds } = await import('@freebind/core');
  const { pickRows, readRowNumbers } = await import('../tables.ts');
  if (validation === undefined) return undefined; // which tuning refuses
  const rows = await readRowNumbers(validation);
  if (test !== undefined) {
    const tested = await readRowNumbers(test);
    const modalities = new Set(folder.spaces.flatMap((space) => folder.modalities(space)));
    // Different rows may still be the same item, where a file of ids says so.
    const ids = await Promise.all([...modalities].map((modality) => folder.ids(modality)));
    for (const names of [undefined, ...ids]) {
      const named = (numbers: Int32Array): readonly string[] =>
        Array.from(numbers, (row) => names?.[row] ?? `row ${row}`);
      refuseSharedIds(named(rows), named(tested));
    }
  }
  return {
    spaces: folder.spaces,
    modalities: (space) => folder.modalities(space),
    table: (space, modality) => pickRows(folder.table(space, modality), rows),
  };
}

function formatResult(result: TuneResult, out: string | undefined): string {
  const { best, untuned, base, candidates, directions, pareto, k, items, preset } = result;
  const keys = Object.keys(best.factors);
  const line = (name: string, point: TunedPoint): readonly string[] => [
    name,
    ...keys.map((key) => String(point.factors[key] ?? '')),
    ...directions.map((direction) => percent(point.values[direction])),
    percent(point.goal),
  ];
  const bonds = candidates.map(({ recipe, best: found, refused }) => [
    recipe,
    refused === undefined ? percent(found?.goal) : `cannot be run: ${refused.split(/[.:] /)[0]}`,
  ]);
  const front = pareto.slice(0, SHOWN);
  return [
    `Bonds, by the goal at the best factors of a coarse grid:\n${columns(bonds)}`,
    columns([
      [`R@${k} of ${counted(items, 'item')}`, ...keys, ...directions, 'goal'],
      ['base, no bonds', ...keys.map(() => ''), ...directions.map((direction) => percent(base[direction])), ''],
      line('before tuning', untuned),
      line(preset, best),
    ]),
    `Pareto front, ${front.length === pareto.length ? counted(pareto.length, 'point') : `the first ${SHOWN} of ${pareto.length} points`}:\n${columns(
      [['', ...keys, ...directions, 'goal'], ...front.map((point) => line('', point))],
    )}`,
    'Recall in percent, on the items that factors were chosen on: expect less on others.',
    out === undefined
      ? `Add --out recipe.json to keep the recipe with its preset "${preset}".`
      : `${out}: use it with --factors ${preset}.`,
  ].join('\n\n');
}

function percent(rate: number | null | undefined): string {
  return rate === null || rate === undefined ? '–' : (100 * rate).toFixed(1);
}
