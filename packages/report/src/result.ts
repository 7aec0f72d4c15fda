/** A figure and the ends of its 95 % bootstrap interval over queries, all in one unit. */
export interface Figure {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** How one row does in one direction. Recalls are percentages, 0 to 100; ranks count from 1. */
export interface DirectionResult {
  readonly queries: number;
  /** Items searched. */
  readonly gallery: number;
  /** Recalls of guessing, percent: `k / gallery × 100` where each query has one right answer. */
  readonly chance: { readonly r1: number; readonly r5: number; readonly r10: number };
  readonly r1: Figure;
  readonly r5: Figure;
  readonly r10: Figure;
  readonly medianRank: Figure;
}

/** What a row is: the space before binding, a bound space, an expert alone, or a control that shows what a part is worth. */
export type RowKind = 'base' | 'bound' | 'expert' | 'control';

/** One way to score, measured in some directions. */
export interface ScoredRow {
  /** Stable, and unique within a table. */
  readonly id: string;
  readonly name: string;
  readonly kind: RowKind;
  /** One sentence on what the row is and what it shows; plain text. */
  readonly note: string;
  /** By direction, `audio→image`; `null` or absent where the row cannot search that way. */
  readonly directions: Readonly<Record<string, DirectionResult | null>>;
}

/** An evaluation item that was found in something that was trained on. */
export interface LeakedItem {
  readonly id: string;
  /** The two tables: `pool image.noto`, `test twemoji.image`. */
  readonly trainedOn: string;
  readonly evaluatedOn: string;
  /** Cosine of the two embeddings where they were found by it. */
  readonly cosine?: number;
}

/** Items of the evaluation that training saw; `expected` says which sharing is part of the set-up and is not a leak. */
export interface LeakageCheck {
  /** Evaluation rows that were compared. */
  readonly checked: number;
  /** Cosine from which two embeddings count as near-identical. */
  readonly threshold: number;
  readonly byId: readonly LeakedItem[];
  readonly byEmbedding: readonly LeakedItem[];
  /** Sentences on what is shared on purpose; plain text. */
  readonly expected: readonly string[];
}

/** What a bond costs the base space: R@1 in percent in one direction, `low`–`high` the interval of `after − before`. */
export interface ForgettingRow {
  readonly bond: string;
  readonly direction: string;
  readonly before: number;
  readonly after: number;
  readonly low: number;
  readonly high: number;
}
