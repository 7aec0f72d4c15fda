import { type Matrix, normalMatrix, normaliseRows, random, tableOf } from '@freebind/core';
import { startOnnx } from '@freebind/backend-onnx';
import { GEMM_OPERATIONS, largeGemm } from './gemm.ts';
import { type BenchOptions, gflops, type Row, time } from './harness.ts';

const [QUERIES, BANK, WIDTH] = [20_000, 100_000, 1024];
/** Scores and weighted sums. */
const OPERATIONS = 4 * QUERIES * BANK * WIDTH;

/** Pseudo-pair aggregation of 20,000 queries over a bank of 100,000 rows at FreeBind's temperature, its memory included. */
export async function aggregate({ threads }: BenchOptions): Promise<readonly Row[]> {
  const unit = (rows: number, name: string): Matrix => normaliseRows(normalMatrix(rows, WIDTH, random('bench', name)));
  const [queries, bank] = [unit(QUERIES, 'queries'), unit(BANK, 'bank')];
  const gemm = await largeGemm(threads);
  const backend = await startOnnx({ device: 'cpu', threads });
  const runner = await backend.openBank({ keys: tableOf(bank) });
  await gemm.run();
  const before = await gemm.run();
  const inputs = process.memoryUsage().rss;
  const ms = await time(() => runner.aggregate(queries, 0.01));
  const peak = process.resourceUsage().maxRSS * 1024;
  const after = await gemm.run();
  await runner.close();
  await backend.close();

  const [rate, gemmRate] = [gflops(OPERATIONS, ms), gflops(2 * GEMM_OPERATIONS, before + after)];
  return [
    {
      task: `aggregate, ${QUERIES} queries over ${BANK} × ${WIDTH}`,
      backend: `onnx (${backend.manifest.device})`,
      peer: 'none (the measure is the large-GEMM rate)',
      medianMs: ms,
      gflops: rate,
      ratio: null,
      gemmGflops: gemmRate,
      ofGemmRate: rate / gemmRate,
      mibAboveInputs: (peak - inputs) / 2 ** 20,
    },
  ];
}
