/**
 * The items that no other beats: an item is left out when another is at least as good in every value and not the same. Of
 * items with equal values the first is kept. Best in the first value first.
 */
export function paretoFront<Item>(
  items: readonly Item[],
  valuesOf: (item: Item) => readonly number[],
): readonly Item[] {
  const distinct = new Map<string, { readonly item: Item; readonly values: readonly number[] }>();
  for (const item of items) {
    const values = valuesOf(item);
    const key = values.join();
    if (!distinct.has(key)) distinct.set(key, { item, values });
  }
  // Whatever dominates an item comes before it in lexicographic order, so that looking back is enough.
  const sorted = [...distinct.values()].sort((a, b) => lexicographic(b.values, a.values));
  const front: typeof sorted = [];
  for (const candidate of sorted) {
    if (!front.some(({ values }) => values.every((value, v) => value >= (candidate.values[v] ?? 0))))
      front.push(candidate);
  }
  return front.map(({ item }) => item);
}

function lexicographic(a: readonly number[], b: readonly number[]): number {
  const v = a.findIndex((value, i) => value !== b[i]);
  return v === -1 ? 0 : (a[v] ?? 0) - (b[v] ?? 0);
}
