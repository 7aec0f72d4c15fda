import { fitExponent, type Found } from './results.ts';
import { digits } from './table.ts';

/** One line of what a script found that is no task of a backend. */
export interface Finding {
  /** The script's name in `run.ts`. */
  readonly script: string;
  /** What was measured, with its size. */
  readonly what: string;
  /** What computed it; absent where no backend did. */
  readonly backend?: string;
  /** By names that say their unit. */
  readonly figures: Readonly<Record<string, number>>;
}

/** Heads, and a line for each finding; what one of them does not have is a dash, and a column that none has is left out. */
export function findingLines(findings: readonly (Finding & { readonly date?: string })[]): string[][] {
  const lines = findings.map(({ script, what, backend, figures, date }): Record<string, string | undefined> => ({
    [script]: what,
    backend,
    ...Object.fromEntries(Object.entries(figures).map(([name, x]) => [name, digits(x)])),
    measured: date,
  }));
  const named = new Set(lines.flatMap((line) => Object.keys(line)).filter((name) => name !== 'measured'));
  const heads = [...named, 'measured'].filter((name) => lines.some((line) => line[name] !== undefined));
  return [heads, ...lines.map((line) => heads.map((head) => line[head] ?? '–'))];
}

/** What was found, by script; how tasks grow has a column for each number of rows. */
export function findingsByScript({
  findings = [],
  growth = [],
}: Pick<Found, 'findings' | 'growth'>): ReadonlyMap<string, readonly Finding[]> {
  const grown = growth.map(({ name, expected, exponent, points, ...kept }): Finding => {
    const seconds = Object.fromEntries(points.map((point) => [`${point.rows} rows, s`, point.seconds]));
    const exponents = {
      'exponent of rows': exponent,
      'at the last step': fitExponent(points.slice(-2)),
      'of operations': expected,
    };
    return { ...kept, script: 'growth', what: name, figures: { ...seconds, ...exponents } };
  });
  const all = [...findings, ...grown];
  const scripts = [...new Set(all.map(({ script }) => script))];
  return new Map(scripts.map((script) => [script, all.filter((one) => one.script === script)]));
}
