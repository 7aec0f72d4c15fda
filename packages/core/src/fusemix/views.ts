import { FreebindError } from '../errors.ts';
import { finiteRows } from '../finite-rows.ts';
import { selectRows, type Table } from '../table.ts';

/** The latents of one modality: one table, or several of the same items seen differently (voices, drawings, captions). */
export type Views = Table | readonly Table[];

/** Every modality's views as lists, checked to be rows of the same items; rows are checked to be finite as they are read. */
export interface PairedViews {
  readonly items: number;
  readonly views: Readonly<Record<string, readonly Table[]>>;
}

/**
 * Checks paired latents: row i of every table of every modality is item i.
 *
 * @throws FREEBIND_ARGUMENT_INVALID for fewer than two modalities or a modality without tables, FREEBIND_ROWS_MISALIGNED for
 * tables of different lengths, FREEBIND_SHAPE_MISMATCH for views of one modality of different widths
 */
export function pairViews(modalities: Readonly<Record<string, Views>>): PairedViews {
  const views = Object.fromEntries(
    Object.entries(modalities).map(([modality, given]) => [
      modality,
      ('read' in given ? [given] : given).map(finiteRows),
    ]),
  );
  const names = Object.keys(views);
  const all = Object.values(views).flat();
  const [first] = all;
  const empty = names.find((name) => views[name]?.length === 0);
  if (names.length < 2 || empty !== undefined || first === undefined) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `${empty === undefined ? `Fusing needs at least two modalities, but ${names.join(', ') || 'none'} was given` : `Modality "${empty}" has no tables`}; give each modality a table of encoder features, paired by row.`,
    );
  }
  const short = all.find((table) => table.rows !== first.rows);
  if (short !== undefined) {
    throw new FreebindError(
      'FREEBIND_ROWS_MISALIGNED',
      `${first.source} has ${first.rows} rows and ${short.source} has ${short.rows}, but row i of every table to fuse must be the same item.`,
    );
  }
  for (const [modality, [head, ...others]] of Object.entries(views)) {
    const odd = others.find((table) => table.cols !== head?.cols);
    if (odd !== undefined) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `${head?.source} has ${head?.cols} columns and ${odd.source} has ${odd.cols}, but all views of ${modality} must come from one encoder.`,
      );
    }
  }
  return { items: first.rows, views };
}

/**
 * One table a modality in which row `combination · items + item` is one choice of views of that item, for every choice, so
 * that one row number picks a view in each modality. `stacked` holds each modality's views one below the other; nothing is copied.
 */
export function combineViews(
  stacked: Readonly<Record<string, Table>>,
  items: number,
): { readonly combinations: number; readonly tables: Readonly<Record<string, Table>> } {
  const counts = Object.entries(stacked).map(([modality, table]) => ({ modality, table, views: table.rows / items }));
  const combinations = counts.reduce((product, { views }) => product * views, 1);
  let stride = 1;
  const tables = counts.map(({ modality, table, views }): [string, Table] => {
    const every = stride;
    stride *= views;
    if (combinations === 1) return [modality, table];
    const rows = Int32Array.from({ length: combinations * items }, (_, row) => {
      const view = Math.floor(Math.floor(row / items) / every) % views;
      return view * items + (row % items);
    });
    return [modality, selectRows(table, rows)];
  });
  return { combinations, tables: Object.fromEntries(tables) };
}
