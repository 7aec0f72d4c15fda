import type { Tables } from '../compose-tables.ts';
import type { Composition, Projections } from '../composition.ts';
import { FreebindError } from '../errors.ts';
import type { Embeddings } from '../space.ts';
import { unitRows } from '../unit-rows.ts';

/** Every modality's rows of the validation items, carried through the bonds. */
export interface ProjectedItems {
  readonly items: number;
  readonly byModality: ReadonlyMap<string, Projections>;
}

/** Items on which factors are chosen: neither trained on nor tested on. */
export interface ValidationSet {
  /** Unlike elsewhere, row i is the same item in all modalities too. Read into memory. */
  readonly tables: Tables;
  /** One a row. Compared with those of the test set. */
  readonly ids?: readonly string[];
}

/**
 * Refuses factors chosen on items that they are then tested on: such figures say how well somebody looked, not how well it works.
 *
 * @throws FREEBIND_ARGUMENT_INVALID naming the first ids
 */
export function refuseSharedIds(validation: readonly string[], test: readonly string[]): void {
  const tested = new Set(test);
  const shared = [...new Set(validation.filter((id) => tested.has(id)))];
  if (shared.length === 0) return;
  const first = shared.slice(0, 5).map((id) => `"${id}"`);
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `${shared.length} items are in both the validation and the test set: ${first.join(', ')}${shared.length > 5 ? ', …' : ''}. ` +
      'Factors chosen on test items make the test meaningless; choose them on items that are in no test.',
  );
}

/**
 * Projects every modality of a bound space once, for any factors.
 *
 * @throws FREEBIND_ARGUMENT_INVALID when there are no rows, FREEBIND_ROWS_MISALIGNED when modalities differ in rows,
 * FREEBIND_FILE_MISSING, FREEBIND_SPACE_MISMATCH, FREEBIND_NUMBER_INVALID when a row is not a unit row
 */
export async function projectValidation(
  composition: Composition,
  { tables, ids }: ValidationSet,
): Promise<ProjectedItems> {
  const { modalities } = composition.plan.space;
  const sources = modalities.map((modality) => ({
    modality,
    members: composition.members(modality).map(({ id }) => ({ id, table: tables.table(id, modality) })),
  }));
  const counts = sources.flatMap(({ members }) =>
    members.map(({ table }) => ({ rows: table.rows, name: table.source })),
  );
  const [rows = 0] = counts.map((each) => each.rows);
  if (rows === 0) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      'The validation set has no items. Factors are chosen on items that were neither trained on nor are tested on; give some.',
    );
  }
  if (counts.some((each) => each.rows !== rows)) {
    throw new FreebindError(
      'FREEBIND_ROWS_MISALIGNED',
      `Validation tables differ in their number of rows: ${counts.map((each) => `${each.name} ${each.rows}`).join(', ')}. Row i must be the same item in every modality and space.`,
    );
  }
  if (ids !== undefined && ids.length !== rows) {
    throw new FreebindError(
      'FREEBIND_ROWS_MISALIGNED',
      `Validation tables have ${rows} rows, but ${ids.length} ids were given; give one id a row.`,
    );
  }
  const projected = new Map<string, Projections>();
  for (const { modality, members } of sources) {
    const own = new Map<string, Embeddings>();
    for (const { id, table } of members)
      own.set(id, { ...(await unitRows(table).read(0, rows)), space: id, unit: true });
    projected.set(modality, await composition.project(modality, own));
  }
  return { items: rows, byModality: projected };
}
