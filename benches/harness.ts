/** One line of a bench: a task done by freebind, and by a peer where one is installed. */
export interface Row {
  readonly task: string;
  readonly backend: string;
  /** What it is compared with, or why there is no comparison. */
  readonly peer: string;
  readonly medianMs: number;
  readonly gflops: number;
  /** `medianMs` over the peer's; null without a peer. */
  readonly ratio: number | null;
  /** Further figures, by name. */
  readonly [figure: string]: string | number | null;
}

/** What `npm run bench` was asked for. */
export interface BenchOptions {
  /** Timed runs of each contender. */
  readonly rounds: number;
  readonly threads: number;
}

/** Something that is timed: runs once and gives its own milliseconds. */
export interface Contender {
  readonly name: string;
  readonly run: () => Promise<number>;
}

/**
 * Median milliseconds of each contender, by name. Their runs alternate, so that what else the machine does falls on all
 * alike; the first round warms up and is not counted.
 */
export async function interleave(
  contenders: readonly Contender[],
  rounds: number,
): Promise<ReadonlyMap<string, number>> {
  const times = new Map(contenders.map(({ name }): [string, number[]] => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const { name, run } of contenders) {
      const ms = await run();
      if (round > 0) times.get(name)?.push(ms);
    }
  }
  return new Map([...times].map(([name, measured]) => [name, median(measured)]));
}

/** Milliseconds that `work` takes. */
export async function time(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Billions of operations a second. */
export function gflops(operations: number, ms: number): number {
  return operations / ms / 1e6;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : (high + (sorted[middle - 1] ?? high)) / 2;
}
