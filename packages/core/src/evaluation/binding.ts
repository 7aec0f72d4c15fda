import type { Backend } from '../backend.ts';
import type { Tables } from '../compose-tables.ts';
import type { Composition } from '../composition.ts';
import { type FreebindError, isFreebindError } from '../errors.ts';
import type { FactorChoice } from '../factors.ts';
import type { Recipe } from '../recipe.ts';
import { type BindingCandidate, listCandidates } from './binding-candidates.ts';
import type { IntervalOptions } from './bootstrap.ts';
import { compareDirections, type Comparison } from './comparison.ts';
import {
  type Direction,
  directionsOf,
  directionsReport,
  type DirectionsReport,
  evaluateDirections,
} from './directions.ts';

/** What `evaluateBinding` takes. */
export interface BindingOptions {
  readonly recipe: Recipe;
  /** Runs the recipe or a part of it; with `head`, its bonds have that head only. The evaluation closes what it gets. */
  readonly compose: (recipe: Recipe, head?: string) => Promise<Composition>;
  /** What is evaluated: row i of every modality is the same item. */
  readonly tables: Tables;
  /** Items on which score mixing chooses its shares. Without them every share is one half. */
  readonly validation?: Tables;
  readonly factors?: FactorChoice;
  /** Head of each bond that stands in for the mixture in the control `one head`. Left out where no bond has it beside others. */
  readonly head?: string;
  /** Other spaces of `tables` to show as controls: one that was trained with supervision, a bond that leaves out the base space. */
  readonly beside?: readonly string[];
  readonly backend: Backend;
  /** Default 1, 5, 10. */
  readonly ks?: readonly number[];
  /** Default: 95 %, 1000 resamples, seed 0. */
  readonly interval?: IntervalOptions;
  readonly signal?: AbortSignal;
  readonly onProgress?: (mark: { readonly stage: string; readonly done: number; readonly total: number }) => void;
}

/** A way to score, with its figures. */
export interface BindingRow extends BindingCandidate {
  readonly report: DirectionsReport;
  /** Against the base space, on the directions that both have. Absent for the base space, and where they share none. */
  readonly change?: readonly Comparison[];
}

/** A bound space beside the controls that tell what binding is worth. */
export interface BindingReport {
  readonly rows: readonly BindingRow[];
  /** Controls that could not be made, and why. */
  readonly refused: readonly { readonly name: string; readonly reason: string }[];
}

/**
 * Retrieval in every direction, of a recipe's bound space and of what it has to be seen beside: the base space alone, every
 * step alone, the experts alone, *scores mixed without a projector* (what experts give by themselves: between modalities
 * that no expert knows together it gains nothing, so those directions measure binding), and one head in place of the
 * mixture. All on the same items; intervals of changes are paired. Tables are read whole: memory is that of one row's
 * tables.
 *
 * @throws what `evaluateDirections` refuses of the tables, what composing the whole recipe refuses, FREEBIND_ABORTED
 */
export async function evaluateBinding(options: BindingOptions): Promise<BindingReport> {
  const { tables, ks = [1, 5, 10], interval = { seed: 0 }, backend, signal, onProgress } = options;
  const rows: BindingRow[] = [];
  const refused: { readonly name: string; readonly reason: string }[] = [];
  for (const { searchables, ...candidate } of await listCandidates(options)) {
    const ranks = new Map<Direction, Int32Array>();
    try {
      for (const modalities of await searchables()) {
        const progress = (done: number, total: number): void =>
          onProgress?.({ stage: `evaluate ${candidate.name}`, done, total });
        const part = await evaluateDirections({
          modalities,
          ks,
          backend,
          interval: { seed: 0, resamples: 2 }, // only its ranks are used
          ...(signal !== undefined && { signal }),
          onProgress: progress,
        });
        for (const [direction, own] of part.ranks) ranks.set(direction, own);
      }
    } catch (error) {
      if (candidate.kind === 'base' || candidate.id === 'bound' || !isRefusal(error)) throw error;
      refused.push({ name: candidate.name, reason: error.message });
      continue;
    }
    const directions = directionsOf(modalitiesOf(tables)).filter(({ direction }) => ranks.has(direction));
    const report = directionsReport(directions, ranks, { ks, interval });
    rows.push({ ...candidate, report, ...changeOf(rows[0]?.report, report, interval) });
  }
  return { rows, refused };
}

function changeOf(
  base: DirectionsReport | undefined,
  own: DirectionsReport,
  interval: IntervalOptions,
): { readonly change?: readonly Comparison[] } {
  if (base === undefined || !own.directions.some(({ direction }) => base.ranks.has(direction))) return {};
  return { change: compareDirections(base, own, interval) };
}

/** All modalities that any space has, in the order of first mention. */
function modalitiesOf(tables: Tables): readonly string[] {
  return [...new Set(tables.spaces.flatMap((space) => tables.modalities(space)))].sort();
}

/** What a part of a recipe may be refused for, where the whole is not: no such bond, or too few modalities to search. */
function isRefusal(error: unknown): error is FreebindError {
  const codes = [
    'FREEBIND_BOND_UNKNOWN',
    'FREEBIND_SPACE_MISMATCH',
    'FREEBIND_ARGUMENT_INVALID',
    'FREEBIND_FACTOR_INVALID',
  ] as const;
  return codes.some((code) => isFreebindError(error, code));
}
