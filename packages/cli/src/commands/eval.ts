import type { DirectionsReport, RetrievalReport, ScoringOptions } from '@freebind/core';
import type { Command } from 'commander';
import { columns } from '../columns.ts';
import { counted } from '../counted.ts';
import type { BindingChoice } from '../binding.ts';
import {
  type ComputeOptions,
  computeOptions,
  encoderOptions,
  examples,
  feedOptions,
  forceOption,
  seedNumber,
  type SpaceOptions,
  usage,
} from '../options.ts';
import type { Session } from '../session.ts';

interface EvalOptions extends ComputeOptions, SpaceOptions, BindingChoice {
  readonly dataset?: string;
  readonly root?: string;
  readonly annotations?: string;
  readonly strict?: true;
  readonly queries?: string;
  readonly gallery?: string;
  readonly pairs?: string;
  readonly tables?: string;
  readonly report?: string;
  readonly force?: true;
}

/** Begins the help of options that count with --dataset alone. */
const FOR_DATASET = 'for --dataset: ';

/** Every direction of one space, as plain data. */
type SpaceReport = Omit<DirectionsReport, 'ranks'> & { readonly space: string };

/** `freebind eval`: cross-modal retrieval, both directions, with chance and intervals. */
export function evaluate(program: Command, session: Session): void {
  const command = program
    .command('eval')
    .description(
      'Retrieval between two tables of one space, or between all modalities of a space; or a recipe on a published data set.',
    )
    .option('--queries <file>', 'rows that ask')
    .option('--gallery <file>', 'rows to find')
    .option('--pairs <file>', 'JSON list of [query row, gallery row] that belong together (default: equal row numbers)')
    .option('--tables <dir>', 'table folder; with --space, every two of its modalities are evaluated')
    .option('--space <id>', 'space whose tables are evaluated (default: the only one in the folder)')
    .option(
      '--recipe <recipe>',
      'a bound space beside its controls: recipe text, or a .json file (with --tables and --bonds)',
    )
    .option('--bonds <dir>', 'folder of bonds, for --recipe')
    .option(
      '--factors <which>',
      'for --recipe: one factor a modality: audio=.8,text=.5; with c(…) also versatile or at-expertise',
    )
    .option('--validation <file:key>', 'rows to choose the shares of the control "scores mixed, no projector" on')
    .option('--trained <file:key>', 'rows that were trained on: evaluated items are looked for among them')
    .option('--beside <spaces...>', 'other spaces of the table folder to show as controls')
    .option('--report <file>', 'write an HTML page: every direction with intervals, controls, forgetting, leakage')
    .option('--rows <file:key>', 'only these rows: a JSON file and the key of a list in it, e.g. splits.json:test')
    .option(
      '--dataset <name>',
      'a recipe on a copy of audiocaps, clotho, vggss, flickrnet, coco, flickr30k, esc50, audioset or imagenet',
    )
    .option('--root <dir>', "for --dataset: the copy's folder; its embeddings are kept in --tables")
    .option('--annotations <file>', 'for --dataset: the annotation file within the folder, in place of the usual one')
    .option('--strict', 'for --dataset: stop at media that are missing or cannot be read, instead of leaving them out')
    .option('--seed <n>', 'seed of the bootstrap intervals', seedNumber, 0)
    .addHelpText(
      'after',
      examples(
        'freebind eval --queries vt.text.npy --gallery vt.image.npy --pairs captions.json',
        'freebind eval --tables bound --rows splits.json:test --json',
        'freebind eval --recipe "u + d(vt) + c(at)" --tables tables --bonds bonds --rows splits.json:test --trained splits.json:train --report report.html',
        'freebind eval --dataset clotho --root ~/clotho --recipe imagebind++ --bonds bonds --factors at-expertise',
      ),
    )
    .action(async (options: EvalOptions) => {
      const { queries, gallery, pairs, tables, rows } = options;
      if (options.dataset !== undefined || options.root !== undefined) {
        const { dataset, root, recipe } = options;
        if (dataset === undefined || root === undefined || recipe === undefined)
          usage(
            command,
            '--dataset, --root and --recipe go together, as in: --dataset clotho --root clotho --recipe imagebind++',
          );
        if ((queries ?? gallery ?? pairs ?? rows ?? options.report) !== undefined)
          usage(
            command,
            '--dataset says what is asked and found; it goes with --recipe, --bonds, --factors and --tables',
          );
        const { evaluateDataset } = await import('../dataset-evaluation.ts');
        const { formatDataset } = await import('../dataset-report.ts');
        const report = await evaluateDataset({ ...options, dataset, root, recipe }, session);
        session.result(report, formatDataset(report));
        return;
      }
      const { models, device, precision, workers, batch } = options;
      if ((models ?? device ?? precision ?? workers ?? batch) !== undefined)
        usage(
          command,
          '--models, --device, --precision, --workers and --batch are of the encoders that --dataset runs; where tables are evaluated says --backend',
        );
      if (tables === undefined ? queries === undefined || gallery === undefined : (queries ?? gallery ?? pairs))
        usage(command, 'give either --queries and --gallery (and --pairs), or --tables (and --space)');
      if (pairs !== undefined && rows !== undefined)
        usage(command, '--rows picks equal rows of both tables, so it does not go with --pairs');
      if (tables === undefined && (options.recipe ?? options.report ?? options.trained ?? options.beside) !== undefined)
        usage(command, '--recipe, --report, --trained and --beside need --tables');
      if (
        tables !== undefined &&
        (options.recipe ?? options.report ?? options.trained ?? options.beside) !== undefined
      ) {
        await reportBinding(options, tables, session);
      } else if (tables === undefined) {
        const report = await evaluateFiles(options, queries ?? '', gallery ?? '', session);
        session.result(report, formatRetrieval(report));
      } else {
        const report = await evaluateFolder(options, tables, session);
        session.result(report, formatDirections(report));
      }
    });
  for (const option of [
    ...encoderOptions(FOR_DATASET),
    ...feedOptions(FOR_DATASET),
    forceOption(),
    ...computeOptions('the backend; with --dataset also of each encoder'),
  ])
    command.addOption(option);
}

/** A bound space or a space as it is, beside its controls; as a page too where one was asked for. */
async function reportBinding(options: EvalOptions, dir: string, session: Session): Promise<void> {
  const { openTables, writeFileAtomic } = await import('@freebind/core/files');
  const { forgettingRows, formatBinding, renderBinding } = await import('@freebind/report');
  const { withFreebind } = await import('../backend.ts');
  const { evaluateFolderBinding, leakageCheck } = await import('../binding.ts');
  const { refuseOutput } = await import('../outputs.ts');
  const { report: path, force } = options;
  if (path !== undefined) await refuseOutput(path, '.html', force);
  const folder = await openTables(dir);
  const progress = await session.progress();
  try {
    const { title, report, leakage, provenance } = await withFreebind(options, session, (freebind) =>
      evaluateFolderBinding(folder, options, {
        freebind,
        signal: session.signal,
        onProgress: (mark) => progress.update(mark),
      }),
    );
    progress.stop();
    const leaks = leakage && { leakage: leakageCheck(leakage) };
    if (path !== undefined) await writeFileAtomic(path, renderBinding({ title, report, ...leaks, provenance }));
    const rows = report.rows.map(({ report: { directions, mean, interval }, ...row }) => ({
      ...row,
      directions,
      mean,
      interval,
    }));
    session.result(
      {
        recipe: title,
        rows,
        refused: report.refused,
        forgetting: forgettingRows(report),
        ...(leakage !== undefined && { leakage }),
        ...(path !== undefined && { report: path }),
      },
      [
        columns(formatBinding(report)),
        ...report.refused.map(({ name, reason }) => `Left out: ${name}. ${reason}`),
        ...(leakage === undefined ? [] : [leakage.summary]),
        ...(path === undefined
          ? ['Add --report page.html for intervals, all recalls and the changes.']
          : [`${path}: open it in a browser.`]),
      ].join('\n\n'),
    );
  } finally {
    progress.stop();
    await folder.close();
  }
}

/** Both directions between two files. */
async function evaluateFiles(
  options: EvalOptions,
  queries: string,
  gallery: string,
  session: Session,
): Promise<RetrievalReport> {
  const { evaluateRetrieval } = await import('@freebind/core');
  const { pickRows, readPairs, readRowNumbers, withTables } = await import('../tables.ts');
  const pairs = options.pairs === undefined ? undefined : await readPairs(options.pairs);
  const rows = options.rows === undefined ? undefined : await readRowNumbers(options.rows);
  return withTables([queries, gallery], ([left, right]) => {
    if (left === undefined || right === undefined) throw new Error('Two tables were opened.');
    return scored(options, session, 'eval', (scoring) =>
      evaluateRetrieval({
        ...scoring,
        queries: pickRows(left, rows),
        gallery: pickRows(right, rows),
        interval: { seed: options.seed },
        ...(pairs !== undefined && { pairs }),
      }),
    );
  });
}

/** Every direction between the modalities of one space. */
async function evaluateFolder(options: EvalOptions, dir: string, session: Session): Promise<SpaceReport> {
  const { evaluateDirections } = await import('@freebind/core');
  const { openTables } = await import('@freebind/core/files');
  const { chooseSpace, pickRows, readRowNumbers } = await import('../tables.ts');
  const rows = options.rows === undefined ? undefined : await readRowNumbers(options.rows);
  const folder = await openTables(dir);
  try {
    const space = chooseSpace(folder, options.space);
    for (const modality of folder.modalities(space)) await folder.ids(modality); // refuses those that do not fit the rows
    const modalities = Object.fromEntries(
      folder.modalities(space).map((modality) => [modality, pickRows(folder.table(space, modality), rows)]),
    );
    const { ranks: _, ...report } = await scored(options, session, space, (scoring) =>
      evaluateDirections({ ...scoring, modalities, interval: { seed: options.seed } }),
    );
    return { space, ...report };
  } finally {
    await folder.close();
  }
}

/** Runs an evaluation on the backend that was chosen, with its progress told. */
async function scored<Report>(
  options: EvalOptions,
  session: Session,
  stage: string,
  run: (scoring: ScoringOptions) => Promise<Report>,
): Promise<Report> {
  const { withBackend } = await import('../backend.ts');
  const progress = await session.progress();
  const onProgress = (done: number, total: number): void => progress.update({ stage, done, total });
  try {
    return await withBackend(options, session, (backend) => run({ backend, signal: session.signal, onProgress }));
  } finally {
    progress.stop();
  }
}

function formatRetrieval({ queryToItem, itemToQuery }: RetrievalReport): string {
  const lines = [['query → gallery', queryToItem] as const, ['gallery → query', itemToQuery] as const].flatMap(
    ([name, { queries, items, recall, medianRank }]) => [
      [
        name,
        String(queries),
        String(items),
        ...recall.map(({ rate, interval }) => range({ value: rate, low: interval?.low, high: interval?.high })),
        String(medianRank),
      ],
      ['  by chance', '', '', ...recall.map(({ chance }) => percent(chance)), ''],
    ],
  );
  const ks = queryToItem.recall.map(({ k }) => `R@${k}`);
  return `${columns([['', 'queries', 'items', ...ks, 'median rank'], ...lines])}\n\n${LEGEND}`;
}

function formatDirections({ directions, mean }: SpaceReport): string {
  const [first] = directions;
  const lines = directions.map(({ query, item, recall, medianRank }) => [
    `${query} → ${item}`,
    ...recall.map(range),
    `${medianRank.value} [${medianRank.low.toFixed(0)}, ${medianRank.high.toFixed(0)}]`,
  ]);
  return `${columns([
    [counted(first?.items ?? 0, 'item'), ...mean.map(({ k }) => `R@${k}`), 'median rank'],
    ...lines,
    ['mean', ...mean.map(range), ''],
    ['by chance', ...mean.map(({ chance }) => percent(chance)), String(first?.medianRank.chance ?? '')],
  ])}\n\n${LEGEND}`;
}

const LEGEND = 'Recall in percent, with 95 % bootstrap intervals.';

function range({ value, low, high }: { value: number; low?: number | undefined; high?: number | undefined }): string {
  return low === undefined || high === undefined
    ? percent(value)
    : `${percent(value)} [${percent(low)}, ${percent(high)}]`;
}

function percent(rate: number): string {
  return (100 * rate).toFixed(1);
}
