import { longestRow, type TrainerOptions } from '@freebind/core';
import { packRows } from './packing.ts';
import { blocksOf } from './rows.ts';
import type { Packed, PackedByName } from './session-protocol.ts';
import { tableInput } from './train-step.ts';
import type { TrainingLayout } from './training-layout.ts';

/** The tables' rows for one step. */
export interface Gathered {
  /** By graph input. */
  readonly feeds: PackedByName;
  /** The largest ‖row‖₂ of every table that is a side of a pair by itself. */
  readonly lengths: ReadonlyMap<string, number>;
}

/** Rows `numbers` of every table, block by block, over the buffers of `spent` where they fit: a large batch is not in memory twice. */
export async function gather(
  { tables, objective, mixup }: TrainerOptions,
  layout: TrainingLayout,
  numbers: Int32Array,
  spent: PackedByName,
): Promise<Gathered> {
  const sides = objective.pairs.flatMap(({ left, right }) => [left, right]);
  const frozen = new Set(sides.filter(({ network }) => network === undefined).map(({ table }) => table));
  const feeds: Record<string, Packed> = {};
  const lengths = new Map<string, number>();
  for (const table of new Set(layout.tables.map((feed) => feed.table))) {
    const source = tables[table];
    if (source === undefined) continue;
    const widths = layout.tables.filter((feed) => feed.table === table).map(({ width }) => width);
    for (const [block, { start, end }] of blocksOf(layout.rows).entries()) {
      const wanted = [numbers.subarray(start, end)];
      // With mixup, the rows of the first half and then their partners of the second.
      if (mixup) wanted.push(numbers.subarray(layout.rows + start, layout.rows + end));
      // Rows that need no padding are gathered where the graph takes them from.
      const into = widths.includes(source.cols) ? spent[tableInput(table, source.cols, block)]?.data : undefined;
      const indices = Int32Array.from(wanted.flatMap((part) => [...part]));
      const batch = await source.gather(indices, into instanceof Float32Array ? into : undefined);
      for (const width of widths) {
        const name = tableInput(table, width, block);
        const packed = packRows(batch, 0, batch.rows, width, spent[name]?.data);
        feeds[name] = mixup ? { ...packed, dims: [2, (end - start) * width] } : packed;
      }
      if (frozen.has(table)) lengths.set(table, Math.max(lengths.get(table) ?? 0, longestRow(batch)));
    }
  }
  return { feeds, lengths };
}
