import { availableParallelism } from 'node:os';
import { openOwn } from './contenders.ts';
import type { Finding } from './findings.ts';
import { gflops, median } from './harness.ts';
import type { Found } from './results.ts';
import { digits } from './table.ts';
import { infoNce } from './tasks/info-nce.ts';
import { taskOf } from './tasks/index.ts';

/** The batch that others are compared with, the largest, and how much memory above the inputs and time a pair of it may take. */
const BASE = 4096;
const LARGEST = 256 * BASE;
const MOST = { MiB: 1024, times: 1.3 };
/** A streamed loss computes its logits twice: 8n²d operations in place of 6. */
const STREAMED_OPERATIONS = 8;

/** Asked for on the command line. */
interface StreamedOptions {
  readonly smallest: boolean;
  /** Of a million rows too: 4.5 · 10¹⁵ operations at 512 columns, which take hours. */
  readonly largest: boolean;
  /** Of few columns exponentials are most of the time. */
  readonly width: number;
  readonly backend: readonly string[];
  readonly note: (text: string) => void;
}

/** Memory and time a pair of an in-batch InfoNCE that is larger than its logits may be, beside those of a batch of 4096. */
export async function streamed(options: StreamedOptions): Promise<Found> {
  const findings: Finding[] = [];
  for (const backend of options.backend) findings.push(...(await onBackend(backend, options)));
  return { findings };
}

async function onBackend(
  backend: string,
  { smallest, largest, width, note }: StreamedOptions,
): Promise<readonly Finding[]> {
  const threads = availableParallelism();
  const findings: Finding[] = [];
  let [base, perPair] = [0, 0];
  for (const batch of [BASE, ...(smallest ? [3 * BASE] : [16 * BASE]), ...(largest ? [LARGEST] : [])]) {
    const opened = await openOwn(backend, threads, { task: taskOf(infoNce.name), size: { batch, width }, files: {} });
    try {
      const times: number[] = [];
      // The first run of the large ones is as good as any; of the small one it is mostly the graph's making.
      for (let run = batch === BASE ? -1 : 0; run < (batch === BASE ? 5 : 1); run++) {
        const ms = await opened.run();
        if (run >= 0) times.push(ms);
      }
      const ms = median(times);
      perPair = ms / batch ** 2;
      if (batch === BASE) base = perPair;
      const factor = batch === BASE ? 6 : STREAMED_OPERATIONS;
      findings.push({
        script: 'streamed',
        what: `${batch} × ${width}`,
        backend: opened.name,
        figures: {
          'time, s': ms / 1000,
          'a pair, ns': 1e6 * perPair,
          [`of that at ${BASE} (at most ${MOST.times})`]: perPair / base,
          'rate, GFLOP/s': gflops(factor * batch ** 2 * width, ms),
          [`above the inputs (at most ${MOST.MiB}), MiB`]: (await opened.peakMiB()) - opened.inputsMiB,
        },
      });
    } finally {
      opened.close();
    }
  }
  if (!largest) {
    const minutes = (perPair * LARGEST ** 2) / 60_000;
    note(`${LARGEST} × ${width} takes ${digits(minutes)} minutes at the last time a pair; --largest runs it.`);
  }
  return findings;
}
