/** Plain data, as JSON keeps it. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** How a bond or a fused space came to be. Nothing is added by itself, no date either: equal runs give equal files. */
export interface Provenance {
  /** The package that made it, e.g. `@freebind/core`, and its version. */
  readonly createdBy?: { readonly package: string; readonly version: string };
  /** When, as ISO 8601, if the caller wants it said. */
  readonly createdAt?: string;
  /** Every option of the run, with the defaults that it used. */
  readonly options?: Json;
  readonly seed?: number;
  /** The manifest of the backend that it was trained on. */
  readonly backend?: Json;
  /** Losses of each head's (or the one) run, in nats, in order of steps. */
  readonly lossCurve?: Readonly<Record<string, readonly number[]>>;
  /** Fingerprints of the tables that it was trained on, by file name. */
  readonly data?: Readonly<Record<string, string>>;
  /** Where the numbers come from, e.g. a paper and a checkpoint, and under which license. */
  readonly source?: string;
  readonly license?: string;
  readonly notes?: readonly string[];
}
