import { availableParallelism } from 'node:os';
import { openOwn } from './contenders.ts';
import { gflops, median } from './harness.ts';
import { digits, formatMs, formatTable } from './table.ts';
import { infoNce } from './tasks/info-nce.ts';
import { taskOf } from './tasks/index.ts';

/** The batch that others are compared with, and how much memory above the inputs and time a pair of it may take. */
const BASE = 4096;
const MOST = { MiB: 1024, times: 1.3 };
/** A streamed loss computes its logits twice: 8n²d operations in place of 6. */
const STREAMED_OPERATIONS = 8;

/**
 * Memory and time a pair of an in-batch InfoNCE that is larger than its logits may be, beside those of a batch of 4096. The
 * largest, a million rows, is 4.5 · 10¹⁵ operations at 512 columns: hours, so it only runs when asked for, and is estimated else. Of few
 * columns exponentials are most of the time.
 */
export async function streamed({
  smallest,
  largest,
  width,
}: {
  readonly smallest: boolean;
  readonly largest: boolean;
  readonly width: number;
}): Promise<void> {
  const threads = availableParallelism();
  const lines = [['batch', 'time', 'a pair', 'of that at 4096', 'rate', 'above the inputs']];
  let [base, perPair] = [0, 0];
  for (const batch of [BASE, ...(smallest ? [3 * BASE] : [16 * BASE]), ...(largest ? [256 * BASE] : [])]) {
    const opened = await openOwn('onnx', threads, {
      task: taskOf(infoNce.name),
      size: { batch, width },
      files: {},
    });
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
      const above = (await opened.peakMiB()) - opened.inputsMiB;
      lines.push([
        `${batch} × ${width}`,
        formatMs(ms),
        `${digits(1e6 * perPair)} ns`,
        batch === BASE ? '1' : `${(perPair / base).toFixed(2)} (at most ${MOST.times})`,
        `${digits(gflops(factor * batch ** 2 * width, ms))} GFLOP/s`,
        `${above.toFixed(0)} MiB (at most ${MOST.MiB})`,
      ]);
    } finally {
      opened.close();
    }
  }
  console.log(formatTable(lines));
  if (largest) return;
  const minutes = (perPair * (256 * BASE) ** 2) / 60_000;
  console.log(
    `${256 * BASE} × ${width} was not run (--largest runs it); at the last time a pair it takes ${digits(minutes)} minutes.`,
  );
}
