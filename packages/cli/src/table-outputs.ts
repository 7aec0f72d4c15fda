import { rm } from 'node:fs/promises';
import { tableFiles } from '@freebind/embed';
import { refuseExisting } from './outputs.ts';

/** A table that a command other than `embed` writes into the table folder `out`, as .npy. */
export interface TableOutput {
  readonly out: string;
  readonly space: string;
  readonly modality: string;
}

/** Refuses, before any work, to write over a table, in whatever format, unless `force`. @throws FREEBIND_OUTPUT_EXISTS */
export async function refuseTable({ out, space, modality }: TableOutput, force: boolean | undefined): Promise<void> {
  const { path, twin } = tableFiles(out, space, modality);
  for (const file of [path, twin]) await refuseExisting(file, force);
}

/** Removes what a table that is replaced would leave: what `embed` says of how it made it, and the table in the other format. */
export async function forgetTable({ out, space, modality }: TableOutput): Promise<void> {
  const { record, twin } = tableFiles(out, space, modality);
  for (const file of [record, twin]) await rm(file, { force: true });
}
