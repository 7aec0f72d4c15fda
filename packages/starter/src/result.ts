import type { DirectionResult, Figure, ForgettingRow, LeakageCheck, ScoredRow } from '@freebind/report';

export type { DirectionResult, Figure, ForgettingRow, LeakageCheck, RowKind } from '@freebind/report';

/** The starter's modalities. */
export type Modality = 'audio' | 'image' | 'text';

/** The six directions in the order in which every table and plot shows them: the two that measure binding first. */
export const DIRECTIONS = [
  'audio→image',
  'image→audio',
  'audio→text',
  'text→audio',
  'image→text',
  'text→image',
] as const;

/** A way to search: the modality of the queries, an arrow (U+2192), the modality of the gallery. */
export type Direction = (typeof DIRECTIONS)[number];

/** One line of the table: a way to score, on one split; its id is that of the same row on the other split. */
export interface ResultRow extends ScoredRow {
  /** `test`: the experts saw these concepts and U did not. `unseen`: nobody saw them. */
  readonly split: 'test' | 'unseen';
  /** `null` where the row cannot search that way: an expert lacks a modality. */
  readonly directions: Readonly<Record<Direction, DirectionResult | null>>;
  /** Mean R@1 over the directions that are not null, percent, its interval from resampling concepts. */
  readonly mean: Figure;
  /** R@5 of audio→image and image→audio together, percent: the measure of binding. `null` for a row without both. */
  readonly audioImage: Figure | null;
  /**
   * How far the two measures are from those of the row `headline.before` on the same split, points: intervals of the
   * difference over the same resampled concepts, which tell more than two intervals side by side.
   */
  readonly change?: { readonly mean: Figure; readonly audioImage: Figure | null };
}

/** The factor of every bond, by modality: `{ 'd(vt)': { image: 0.1, text: 0.5 } }`. */
export type BondFactors = Readonly<Record<string, Readonly<Partial<Record<Modality, number>>>>>;

/** The factors that the bound rows use, and how they were found. */
export interface ChosenFactors {
  readonly chosenOn: 'validation';
  /** What was made large, in words: `mean R@1 over six directions`. */
  readonly goal: string;
  /** The recipe with its factors, as `freebind compose` takes it. */
  readonly recipe: string;
  readonly factors: BondFactors;
  /** Every search that was made, in order; `value` is the goal on validation after it, percent. */
  readonly steps: readonly { readonly name: string; readonly tried: number; readonly value: number }[];
}

/** R@1 over the plane of two factors in one direction, measured on validation, like the papers' Figures 3–5. */
export interface FactorSurface {
  readonly direction: Direction;
  /** The bond whose factors the plane spans, as `d(vt)` or `c(at)`. */
  readonly bond: string;
  readonly modalityX: Modality;
  readonly modalityY: Modality;
  /** Factors along x and y, ascending. */
  readonly xs: readonly number[];
  readonly ys: readonly number[];
  /** `values[y][x]`: R@1 in percent. */
  readonly values: readonly (readonly number[])[];
  /** R@1 in percent without this bond; the plot shows `values − base`. */
  readonly base: number;
  /** The factors that were chosen. */
  readonly chosen: { readonly x: number; readonly y: number };
}

/** One recipe that no other beats in both goals, or one that was tried; measured on validation, percent. */
export interface ParetoPoint {
  /** The recipe with factors, shown on the point. */
  readonly recipe: string;
  /** Mean R@1 over audio→text, text→audio, image→text and text→image. */
  readonly text: number;
  /** Mean R@1 of audio→image and image→audio. */
  readonly audioImage: number;
  /** Whether no tried recipe is at least as good in both and better in one. */
  readonly front: boolean;
  readonly chosen: boolean;
}

/** The loss of one training, `[step, loss]` in order. */
export interface LossCurve {
  readonly stage: string;
  readonly points: readonly (readonly [step: number, loss: number])[];
}

/** What was trained on what. */
export interface TrainedPart {
  readonly stage: string;
  /** What it learned from, in words: `250 audio-image-text triples`. */
  readonly what: string;
  readonly rows: number;
  readonly steps: number;
  readonly seconds: number;
}

/**
 * What one concept retrieves: indices into `gallery.concepts` of the five nearest, best first, then the rank of the right
 * answer, from 1. Six numbers, so that the report stays small: `[12, 3, 77, 9, 40, 2]` has the right answer second.
 */
export type Retrieved = readonly [number, number, number, number, number, number];

/** Data of the page where a concept is chosen: all concepts of the test split, searched among themselves. */
export interface Gallery {
  readonly split: 'test' | 'unseen';
  readonly concepts: readonly { readonly id: string; readonly glyph: string; readonly label: string }[];
  /** By direction, one entry a concept in the order of `concepts`. */
  readonly before: Readonly<Record<Direction, readonly Retrieved[]>>;
  readonly after: Readonly<Record<Direction, readonly Retrieved[]>>;
  /** Row ids that `before` and `after` show: `u` and `u+d+c`. */
  readonly rows: { readonly before: string; readonly after: string };
  /** What the media of the gallery are, in words: `{ image: 'Twemoji', audio: 'voice us-f5', text: 'label' }`. */
  readonly media: Readonly<Record<Modality, string>>;
}

/** All that a quickstart measured: what `--json` prints, the report draws and the tests check. */
export interface QuickstartResult {
  readonly formatVersion: 1;
  /** Says that figures are made up, for a fixture; the report then says so at the top. */
  readonly synthetic?: true;
  readonly seed: number;
  /** The backend's name and what it runs on: `onnx (cpu)`. */
  readonly backend: string;
  readonly fast: boolean;
  /** Number of concepts in all. */
  readonly concepts: number;
  /** Concepts by split: `unified`, `experts`, `validation`, `test`, `unseen`. */
  readonly splits: Readonly<Record<string, number>>;
  /** In order; `reused` where an earlier run's file was taken. */
  readonly stages: readonly { readonly name: string; readonly seconds: number; readonly reused: boolean }[];
  readonly directions: readonly Direction[];
  /** In the order in which the table shows them; each id once a split. */
  readonly rows: readonly ResultRow[];
  /** Row ids that the headline compares: the space before binding and the bound one. */
  readonly headline: { readonly before: string; readonly after: string };
  readonly factors: ChosenFactors;
  readonly surfaces: readonly FactorSurface[];
  readonly pareto: readonly ParetoPoint[];
  readonly losses: readonly LossCurve[];
  readonly trained: readonly TrainedPart[];
  readonly leakage: LeakageCheck;
  readonly forgetting: readonly ForgettingRow[];
  readonly gallery: Gallery;
}
