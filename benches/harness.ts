/** One line of a bench: a task done by one backend, or by freebind without one, and by a peer where one is installed. */
export interface Row {
  /** In words, with its size. */
  readonly task: string;
  /** With its device. */
  readonly backend: string;
  /** What it is compared with, or why there is no comparison. */
  readonly peer: string;
  readonly medianMs: number;
  /** Null for a task that is counted in items. */
  readonly gflops: number | null;
  /** Items a second, of a task that is counted in them. */
  readonly itemsPerSecond?: number;
  /** Processor time of its process over the time that all cores had: 1 when none of them ever waited. */
  readonly busy?: number;
  /** Its time over the peer's in the same round, the median of all rounds; null without a peer. */
  readonly ratio: number | null;
  /** Between the quartiles of its times, over their median. */
  readonly spread: number;
  /** Rate of one large matrix product on the same device, its runs in between. */
  readonly matrixGflops: number | null;
  /** Its rate over the matrix product's in the same round, the median of all rounds. */
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

/** Rounds that warm up and are not counted: allocators settle in the second one. */
const WARM_UP = 2;

/** Seconds of a run of which the warm-up and the least rounds fit into the seconds of all rounds. */
export function longestRun({ least, seconds }: Rounds): number {
  return seconds / (WARM_UP + least);
}

/**
 * Milliseconds of every run of each contender. Their runs alternate, so that what else the machine does falls on all alike;
 * the first two rounds warm up and are not counted.
 */
export async function interleave(
  contenders: readonly Contender[],
  { most, least, seconds }: Rounds,
): Promise<readonly (readonly number[])[]> {
  const times = contenders.map((): number[] => []);
  let rounds = most;
  for (let round = 0; round < WARM_UP + rounds; round++) {
    let took = 0;
    for (const [i, contender] of contenders.entries()) {
      const ms = await contender.run();
      took += ms;
      if (round >= WARM_UP) times[i]?.push(ms);
    }
    if (round === WARM_UP - 1) rounds = Math.max(least, Math.min(most, Math.floor((1000 * seconds) / took)));
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

/** `a`'s time over `b`'s, round by round; the median of these, which a burst of other work in one round leaves alone. */
export function pairedRatio(a: readonly number[], b: readonly number[]): number {
  return median(a.map((ms, round) => ms / (b[round] ?? Number.NaN)));
}

/** From the lower quartile to the upper one, over the median. */
export function spread(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const quartile = (q: number): number => sorted[Math.round(q * (sorted.length - 1))] ?? Number.NaN;
  return (quartile(0.75) - quartile(0.25)) / median(sorted);
}
