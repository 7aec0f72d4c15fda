import { type Composition, type Factors, PRESETS, type Recipe } from '@freebind/core';
import { columns } from './columns.ts';
import {
  type DatasetName,
  DATASETS,
  PUBLISHED_SOURCE,
  publishedResults,
  type PublishedResult,
} from '@freebind/datasets';

/** What a paper reports for a recipe, and why it may not be compared with what was measured. */
export interface ComparedFigures {
  readonly source: string;
  /** Of the preset whose factors were used; of every preset where they were others; none where nothing is reported. */
  readonly results: readonly PublishedResult[];
  readonly comparable: boolean;
  /** Why not, in words. */
  readonly differences: readonly string[];
}

/** Figures of one line of the report, in percent: `R@1` and so on, `top-1`, `mAP`. */
export interface MeasuredLine {
  /** `text → audio`, `mean of both`, or what is classified. */
  readonly name: string;
  readonly figures: Readonly<Record<string, number>>;
}

/** An evaluation on a data set. */
export interface DatasetReport {
  readonly dataset: DatasetName;
  readonly recipe: string;
  readonly space: string;
  readonly factors: readonly Factors[];
  readonly tables: string;
  /** Items of each modality that were evaluated; `classes` of classification. */
  readonly items: Readonly<Record<string, number>>;
  readonly missing: readonly string[];
  readonly skipped: readonly string[];
  readonly measured: readonly MeasuredLine[];
  readonly published: ComparedFigures;
}

/** Published figures for a recipe on a data set, beside the reasons that `differences` and its factors give against comparing. */
export function comparePublished(
  dataset: DatasetName,
  recipe: Recipe,
  composition: Composition,
  { factors, differences }: { readonly factors: string | undefined; readonly differences: readonly string[] },
): ComparedFigures {
  const name = recipe.name ?? (recipe.steps.length === 0 ? recipe.base : '');
  const all = publishedResults(dataset, name);
  const used = composition.factors(factors);
  const same = all.filter(({ preset }) => preset === undefined || equal(composition.factors(preset), used));
  const reasons = [...differences];
  if (all.length === 0) reasons.push(`nothing is published for ${name === '' ? 'this recipe' : name} on this set`);
  else if (same.length === 0)
    reasons.push(`the factors are those of no published preset (${Object.keys(PRESETS).join(', ')})`);
  return {
    source: PUBLISHED_SOURCE,
    results: same.length > 0 ? same : all,
    comparable: reasons.length === 0,
    differences: reasons,
  };
}

function equal(a: readonly Factors[], b: readonly Factors[]): boolean {
  return a.every((step, i) =>
    Object.entries(step).every(([modality, factor]) => Math.abs(factor - (b[i]?.[modality] ?? NaN)) < 1e-9),
  );
}

/** A report for people: what was measured, what is published, and whether the two may be compared. */
export function formatDataset({
  dataset,
  recipe,
  factors,
  items,
  missing,
  skipped,
  measured,
  published,
}: DatasetReport): string {
  const { title } = DATASETS[dataset];
  const mixed = factors.flatMap((step) => Object.entries(step).map(([modality, factor]) => `${modality}=${factor}`));
  const counts = Object.entries(items).map(([name, count]) => `${count} ${name}`);
  const head = [
    `${title} with ${recipe}${mixed.length > 0 ? `, factors ${mixed.join(' ')}` : ''}: ${counts.join(', ')}`,
    ...(missing.length + skipped.length > 0
      ? [`Left out: ${missing.length} that are missing, ${skipped.length} that could not be read (--json lists them).`]
      : []),
  ];
  const names = [...new Set(measured.flatMap(({ figures }) => Object.keys(figures)))];
  const line = (name: string, figures: Readonly<Record<string, number>>, digits: number): readonly string[] => [
    name,
    ...names.map((figure) => figures[figure]?.toFixed(digits) ?? '–'),
  ];
  const table = columns([
    ['in percent', ...names],
    ...measured.map(({ name, figures }) => line(name, figures, 2)),
    ...published.results.map(({ preset, figures }) =>
      line(`published${preset === undefined ? '' : `, ${preset}`}`, figures, 2),
    ),
  ]);
  const verdict = published.comparable
    ? `Published: ${published.source}.${'R@1' in (measured[0]?.figures ?? {}) ? ' It has one number for both directions.' : ''}`
    : `Not comparable with ${published.source}:\n${published.differences.map((reason) => `  - ${reason}`).join('\n')}`;
  return [...head, '', table, '', verdict].join('\n');
}
