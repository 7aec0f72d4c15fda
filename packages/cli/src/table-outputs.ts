import { rm } from 'node:fs/promises';
import { checkAligned, type RowsToWrite, tableFiles } from '@freebind/embed';
import { refuseExisting } from './outputs.ts';

/** A table that a command other than `embed` writes into the table folder `out`, as .npy. */
export interface TableOutput extends RowsToWrite {
  readonly out: string;
}

/**
 * Refuses, before any work, to write over a table, in whatever format, unless `force`, and beside tables whose rows are those of
 * other inputs.
 *
 * @throws FREEBIND_OUTPUT_EXISTS FREEBIND_ROWS_MISALIGNED FREEBIND_FILE_INVALID
 */
export async function refuseTable(output: TableOutput, force: boolean | undefined): Promise<void> {
  const { path, twin } = tableFiles(output.out, output.space, output.modality);
  for (const file of [path, twin]) await refuseExisting(file, force);
  await checkAligned(output.out, output, 'Choose another folder with --out.');
}

/** Removes what a table that is replaced would leave: what `embed` says of how it made it, and the table in the other format. */
export async function forgetTable({ out, space, modality }: TableOutput): Promise<void> {
  const { record, twin } = tableFiles(out, space, modality);
  for (const file of [record, twin]) await rm(file, { force: true });
}
