import { FreebindError } from '../errors.ts';

/** One head of a mixture: it trains on pseudo pairs whose source item is of one of `sources`. */
export interface SourceSubset {
  /** `mix` for all modalities, else their initials (`AT`) where those differ, else their names joined by `+`. */
  readonly name: string;
  readonly sources: readonly string[];
}

/** The order in which FreeBind names its heads' modalities: A, T, V. */
const PUBLISHED: readonly string[] = ['audio', 'text', 'image'];

/**
 * The 2ⁿ − 1 non-empty subsets of a unified space's modalities: all of them first (`mix`), then by size. For audio, image
 * and text this is the published order: mix, A, T, V, AT, AV, TV (FreeBind, section 3.4; `checkpoints/<expert>/<head>.pt`).
 * `image` is V (vision), as in the papers.
 *
 * @throws FREEBIND_ARGUMENT_INVALID without modalities, with one named twice, or with more than ten (1,023 heads)
 */
export function sourceSubsets(modalities: readonly string[]): readonly SourceSubset[] {
  const names = sortPublished(modalities);
  if (names.length === 0 || names.length > 10 || new Set(names).size !== names.length) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `Source subsets need one to ten different modalities, but these were given: ${modalities.join(', ') || 'none'}.`,
    );
  }
  const initials = names.map((name) => initialOf(name));
  const distinct = new Set(initials).size === names.length && initials.every((initial) => /^[A-Z]$/.test(initial));

  return choose(names.length).map((members) => ({
    name:
      members.length === names.length && names.length > 1
        ? 'mix'
        : members.map((i) => (distinct ? initials[i] : names[i])).join(distinct ? '' : '+'),
    sources: members.map((i) => names[i] ?? ''),
  }));
}

/** Subsets of 0 … n − 1 as ascending lists: the whole set first, then by size and within a size in dictionary order. */
function choose(n: number): readonly (readonly number[])[] {
  const all = Array.from({ length: n }, (_, i) => i);
  const subsets = Array.from({ length: 2 ** n - 2 }, (_, bits) => all.filter((i) => ((bits + 1) >> i) & 1));
  subsets.sort((a, b) => a.length - b.length || compare(a, b));
  return [all, ...subsets];
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((x, i) => x !== b[i]);
  return (a[at] ?? 0) - (b[at] ?? 0);
}

function initialOf(name: string): string {
  return name === 'image' ? 'V' : name.slice(0, 1).toUpperCase();
}

/** Audio, text and image in the published order where all names are of these; any other list keeps its own order. */
function sortPublished(modalities: readonly string[]): readonly string[] {
  if (!modalities.every((name) => PUBLISHED.includes(name))) return modalities;
  return [...modalities].sort((a, b) => PUBLISHED.indexOf(a) - PUBLISHED.indexOf(b));
}
