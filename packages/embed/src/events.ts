import type { FreebindErrorCode } from '@freebind/core';
import type { Pace } from '@freebind/core/training';

/** An input that has no row, and why. */
export interface Skipped {
  readonly id: string;
  readonly code: FreebindErrorCode;
  readonly message: string;
  /** The space that refused it; absent where it could not be read at all. */
  readonly space?: string;
}

/** What a run tells while it works; plain data, so that `--json` prints it as it is. */
export type EmbedEvent =
  /** Of `total` inputs `done` were found finished. */
  | { readonly type: 'stage'; readonly stage: string; readonly done: number; readonly total: number }
  /** `done` of `total` inputs are kept: `rows` with a row and `skipped` without; a kill loses none of them. */
  | (Pace & {
      readonly type: 'rows';
      readonly stage: string;
      readonly done: number;
      readonly total: number;
      readonly rows: number;
      readonly skipped: number;
    })
  | (Skipped & { readonly type: 'skipped'; readonly stage: string })
  | { readonly type: 'warning'; readonly stage: string; readonly message: string }
  /** A table, or with shards the part of one, is finished; `reused` says that it had been there before. */
  | { readonly type: 'done'; readonly stage: string; readonly path: string; readonly reused?: true };
