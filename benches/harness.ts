/** One line of a bench: a task done by one backend, and by a peer where one is installed. */
export interface Row {
  /** In words, with its size. */
  readonly task: string;
  /** With its device. */
  readonly backend: string;
  /** What it is compared with, or why there is no comparison. */
  readonly peer: string;
  readonly medianMs: number;
  readonly gflops: number;
  /** `medianMs` over the peer's; null without a peer. */
  readonly ratio: number | null;
  /** (slowest − fastest) / median. */
  readonly spread: number;
  /** Rate of one large matrix product on the same device, its runs in between. */
  readonly matrixGflops: number | null;
  /** `gflops` over `matrixGflops`. */
  readonly share: number | null;
  /** Most memory of the backend's process while it ran, inputs included; a card's own memory is not in it. */
  readonly peakMiB: number;
  /** Memory of the process before the first run: the runtime and the inputs. */
  readonly inputsMiB: number;
  readonly peerMedianMs: number | null;
  readonly peerPeakMiB: number | null;
  readonly rounds: number;
}

/** Something that is timed. */
export interface Contender {
  /** Runs once and gives its own milliseconds. */
  run(): Promise<number>;
}

/** How often contenders run. */
export interface Rounds {
  /** Most rounds. */
  readonly most: number;
  /** Least rounds, however long they take. */
  readonly least: number;
  /** Seconds that all rounds together may take, where that allows `least`. */
  readonly seconds: number;
}

/**
 * Milliseconds of every run of each contender. Their runs alternate, so that what else the machine does falls on all alike;
 * the first round warms up and is not counted.
 */
export async function interleave(
  contenders: readonly Contender[],
  { most, least, seconds }: Rounds,
): Promise<readonly (readonly number[])[]> {
  const times = contenders.map((): number[] => []);
  let rounds = most;
  for (let round = 0; round <= rounds; round++) {
    let took = 0;
    for (const [i, contender] of contenders.entries()) {
      const ms = await contender.run();
      took += ms;
      if (round > 0) times[i]?.push(ms);
    }
    if (round === 0) rounds = Math.max(least, Math.min(most, Math.floor((1000 * seconds) / took)));
  }
  return times;
}

/** Billions of operations a second. */
export function gflops(operations: number, ms: number): number {
  return operations / ms / 1e6;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : (high + (sorted[middle - 1] ?? high)) / 2;
}

/** (largest − smallest) / median. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}
