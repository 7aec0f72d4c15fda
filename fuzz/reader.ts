import type * as fc from 'fast-check';

/** Something of freebind that reads what others wrote, and inputs for it that are right, nearly right and wrong. */
export interface Reader {
  readonly name: string;
  /** Of the file that an input is written to. */
  readonly extension: string;
  /** Inputs as the bytes of a file. */
  readonly inputs: fc.Arbitrary<Uint8Array>;
  /** Whether it takes native code, which the process is otherwise forbidden to load. */
  readonly native?: true;
  /** Inputs of one batch, fewer than usual where reading one takes more than a few milliseconds. */
  readonly batch?: number;
  /** What reading may allocate beside ten times the file. Default `FIXED_BYTES`. */
  readonly fixedBytes?: number;
  /** Reads the file to its end, whatever is in it. What it throws must be a FreebindError. */
  readonly read: (path: string) => Promise<unknown>;
}
