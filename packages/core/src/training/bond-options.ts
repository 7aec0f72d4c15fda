import type { Optimizer } from '../backend.ts';
import type { BondManifest } from '../bond.ts';
import { FreebindError } from '../errors.ts';
import { PROJECTOR_HIDDEN } from '../projector.ts';
import { AGGREGATION_TEMPERATURE } from '../pseudo-pairs/columns.ts';
import { type SourceSubset, sourceSubsets } from '../pseudo-pairs/source-subsets.ts';

/** How a bond is trained: plain data, written into the bond. Every default is FreeBind's (paper, section 4.1) or a choice said to be one. */
export interface BondTraining {
  readonly seed: number;
  /** Passes over a head's pseudo pairs. Default 5 for displacement, 20 for combination. */
  readonly epochs: { readonly displacement: number; readonly combination: number };
  readonly batch: number;
  readonly learningRate: number;
  /** τ₂ of InfoNCE. */
  readonly temperature: number;
  /** τ₁ of aggregation. */
  readonly aggregationTemperature: number;
  /** Whether aggregated rows are divided by their norm (choice). */
  readonly normalise: boolean;
  /** Most items of a memory bank; absent for the whole collection (choice). */
  readonly bank?: number | undefined;
  /** Names of the source subsets to train heads on (`mix`, `A`, `TV`, …), or all of them. */
  readonly heads: 'all' | readonly string[];
  /** [projected modality, target modality] of every loss term, or all of them (choice). */
  readonly pairs: 'all' | readonly (readonly [projected: string, target: string])[];
  /** Width of a projector's hidden layer. */
  readonly hidden: number;
  /** What becomes of rows that do not fill a batch (choice). */
  readonly shortBatch: 'drop' | 'fill';
}

/** FreeBind's settings; METHOD's choices where the paper leaves one. */
export const BOND_TRAINING: BondTraining = {
  seed: 0,
  epochs: { displacement: 5, combination: 20 },
  batch: 4096,
  learningRate: 1e-3,
  temperature: 0.02,
  aggregationTemperature: AGGREGATION_TEMPERATURE,
  normalise: true,
  heads: 'all',
  pairs: 'all',
  hidden: PROJECTOR_HIDDEN,
  shortBatch: 'drop',
};

/** PyTorch's Adam as FreeBind uses it. */
export const ADAM: Optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };

/** The heads to train on the pseudo pairs of a unified space. @throws FREEBIND_ARGUMENT_INVALID for a name that is no source subset's */
export function headsOf(
  { heads }: Pick<BondTraining, 'heads'>,
  modalities: readonly string[],
): readonly SourceSubset[] {
  const all = sourceSubsets(modalities);
  if (heads === 'all') return all;
  const unknown = heads.find((head) => !all.some(({ name }) => name === head));
  if (unknown === undefined && heads.length > 0) return all.filter(({ name }) => heads.includes(name));
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `${unknown === undefined ? 'No heads were chosen' : `There is no head "${unknown}"`}; sources of ${modalities.join(', ')} give ${all.map(({ name }) => name).join(', ')}.`,
  );
}

/** A bond's id when none is given, also as a folder name: what it binds and how. */
export function bondId(kind: BondManifest['kind'], unified: string, expert: string): string {
  return folderName(`${unified} ${kind === 'combination' ? 'c' : 'd'} ${expert}`);
}

/** A space's id without what shells and file systems trip over: `imagebind + d(internvl)` is `imagebind-d-internvl`. */
export function folderName(id: string): string {
  return id.replaceAll(/[^\p{L}\p{N}._†]+/gu, '-').replaceAll(/^-|-$/g, '');
}
