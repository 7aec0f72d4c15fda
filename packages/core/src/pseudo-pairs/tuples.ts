import { sharedModalities, type SpaceShape } from '../bonding.ts';
import { FreebindError } from '../errors.ts';
import type { Table } from '../table.ts';

/** The embeddings of one space: one table a modality, by modality. Rows of one modality are the same items in every space. */
export interface SpaceTables {
  /** The space's id; of a bound space, its recipe. */
  readonly space: string;
  readonly tables: Readonly<Record<string, Table>>;
  /** By modality: what stands for the rows' content in provenance, where it is known already or the rows are still to be made. */
  readonly fingerprints?: Readonly<Record<string, string>>;
}

/** The unified space or the expert that is bound to it. */
export type Party = 'unified' | 'expert';

/** Where one column of a tuple comes from, for items of one source modality. */
export interface TupleColumn {
  readonly party: Party;
  readonly modality: string;
  /**
   * The space in which the source item scores the memory bank of `modality`; the bank's rows in `party` are averaged.
   * Absent where the column is the source item's own row.
   */
  readonly scoredIn?: Party;
}

/**
 * The columns of the pseudo pairs of one source modality (METHOD: FreeBind, section 3.2), in order of the modalities given:
 * in the unified space the source itself and `agg(s_u; M_u, M_u)` for every other modality; in the expert, if it embeds the
 * source, the source itself and `agg(s_e; M_e, M_e)` for its others, else `agg(s_u; M_u, M_e)` for every shared modality.
 */
export function tupleColumns(
  unified: readonly string[],
  expert: readonly string[],
  source: string,
): readonly TupleColumn[] {
  const column = (party: Party, modality: string, scoredIn: Party): TupleColumn =>
    modality === source ? { party, modality } : { party, modality, scoredIn };
  return [
    ...unified.map((modality) => column('unified', modality, 'unified')),
    ...(expert.includes(source)
      ? expert.map((modality) => column('expert', modality, 'expert'))
      : expert
          .filter((modality) => unified.includes(modality))
          .map((modality) => column('expert', modality, 'unified'))),
  ];
}

/**
 * Refuses tables that no bond can be trained on, before any work.
 *
 * @throws FREEBIND_BOND_INVALID when the spaces share no modality or are one and the same, FREEBIND_ROWS_MISALIGNED when a
 * shared modality's tables differ in rows, FREEBIND_SHAPE_MISMATCH when tables of one space differ in width,
 * FREEBIND_ARGUMENT_INVALID for an empty table
 */
export function checkPair(unified: SpaceTables, expert: SpaceTables): void {
  for (const modality of sharedModalities(shapeOf(unified), shapeOf(expert))) {
    const [left, right] = [unified.tables[modality], expert.tables[modality]];
    if (left !== undefined && right !== undefined && left.rows !== right.rows) {
      throw new FreebindError(
        'FREEBIND_ROWS_MISALIGNED',
        `${left.source} has ${left.rows} rows and ${right.source} has ${right.rows}, but both hold the ${modality} items of one collection: row i must be the same item. Embed the same items with both spaces.`,
      );
    }
  }
  if (unified.space === expert.space) {
    throw new FreebindError(
      'FREEBIND_BOND_INVALID',
      `"${unified.space}" cannot be bound to itself; a bond joins two spaces.`,
    );
  }
}

/** What tables tell about their space. @throws FREEBIND_SHAPE_MISMATCH FREEBIND_ARGUMENT_INVALID */
export function shapeOf(tables: SpaceTables): SpaceShape {
  return { id: tables.space, dimension: widthOf(tables), modalities: Object.keys(tables.tables) };
}

function widthOf({ space, tables }: SpaceTables): number {
  const [first, ...others] = Object.values(tables);
  if (first === undefined)
    throw new FreebindError('FREEBIND_ARGUMENT_INVALID', `No tables of "${space}" were given; give at least one.`);
  for (const table of others) {
    if (table.cols !== first.cols) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `Tables of "${space}" differ in width: ${first.source} has ${first.cols} columns, ${table.source} has ${table.cols}. A space has one dimension; check which model made each.`,
      );
    }
  }
  for (const table of [first, ...others]) {
    if (table.rows === 0)
      throw new FreebindError('FREEBIND_ARGUMENT_INVALID', `${table.source} has no rows; embed at least one item.`);
  }
  return first.cols;
}
