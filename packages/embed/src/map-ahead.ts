/**
 * Maps what `source` gives, at most `ahead` at a time, and yields the results in order. Nothing further ahead is asked of
 * `source`, so memory stays that of `ahead` results. When it ends early, `cancel` is called and what is under way is waited for.
 */
export async function* mapAhead<T, R>(
  source: AsyncIterable<T> | Iterable<T>,
  ahead: number,
  map: (one: T) => Promise<R>,
  cancel?: () => void,
): AsyncGenerator<R, void, undefined> {
  const underWay: Promise<R>[] = [];
  try {
    for await (const one of source) {
      const mapped = map(one);
      // Its failing is told in its turn; until then it is nobody's to catch.
      mapped.catch(() => undefined);
      underWay.push(mapped);
      const first = underWay.length < ahead ? undefined : underWay.shift();
      if (first !== undefined) yield await first;
    }
    for (let first = underWay.shift(); first !== undefined; first = underWay.shift()) yield await first;
  } finally {
    if (underWay.length > 0) cancel?.();
    await Promise.allSettled(underWay);
  }
}
