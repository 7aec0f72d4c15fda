import type { TrainerState } from '../backend.ts';
import { FreebindError } from '../errors.ts';
import { findBadRow } from '../matrix.ts';
import type { Table } from '../table.ts';

/** The error of a loss that is NaN or infinite, naming the table and the row that made it so, if one did. */
export async function blameLoss(
  { stage, tables }: { readonly stage: string; readonly tables: Readonly<Record<string, Table>> },
  { loss, rows, step }: { readonly loss: number; readonly rows: Int32Array; readonly step: number },
): Promise<FreebindError> {
  for (const [name, table] of Object.entries(tables)) {
    const bad = findBadRow(await table.gather(rows));
    if (bad === undefined || bad.problem === 'zero row') continue;
    return diverged(
      stage,
      `The loss of step ${step + 1} is ${loss}, because row ${rows[bad.row]} of table "${name}" (${table.source}) holds ${bad.problem}. Embed that item again or leave it out.`,
    );
  }
  return diverged(
    stage,
    `The loss of step ${step + 1} is ${loss}, though every row of its batch is finite. Lower the learning rate or raise the temperature.`,
  );
}

/** A loss is of the weights before an update; the update itself may be what breaks them. @throws FREEBIND_TRAINING_DIVERGED */
export function checkState(state: TrainerState, stage: string): void {
  for (const [name, { data }] of Object.entries(state.tensors)) {
    if (data.every((x) => Number.isFinite(x))) continue;
    throw diverged(
      stage,
      `After step ${state.step}, "${name}" holds NaN or Inf. Lower the learning rate or raise the temperature.`,
    );
  }
}

function diverged(stage: string, what: string): FreebindError {
  return new FreebindError(
    'FREEBIND_TRAINING_DIVERGED',
    `${stage}: ${what} The last checkpoint is from before and stays.`,
  );
}
