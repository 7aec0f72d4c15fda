import { initialise, normalMatrix, projector, random } from '@freebind/core';
import { startOnnx } from '@freebind/backend-onnx';
import { type BenchOptions, gflops, interleave, type Row, time } from './harness.ts';

const [ROWS, INPUT, HIDDEN, OUTPUT, HEADS] = [8192, 1024, 2048, 768, 7];

/** A mixture of seven heads in one pass, against seven passes of one head each. */
export async function mixture({ rounds, threads }: BenchOptions): Promise<readonly Row[]> {
  const backend = await startOnnx({ device: 'cpu', threads });
  const heads = Array.from({ length: HEADS }, (_, i) =>
    initialise(projector({ input: INPUT, hidden: HIDDEN, output: OUTPUT }), random('bench', i), 'xavier'),
  );
  const together = await backend.openProjector(heads);
  const each = await Promise.all(heads.map((head) => backend.openProjector([head])));
  const rowsOf: Row[] = [];
  for (const n of [1, 64, ROWS]) {
    const rows = normalMatrix(n, INPUT, random('bench', 'rows'));
    const ms = await interleave(
      [
        { name: 'one', run: () => time(() => together.project(rows)) },
        {
          name: 'seven',
          run: () =>
            time(async () => {
              for (const runner of each) await runner.project(rows);
            }),
        },
      ],
      rounds,
    );
    const [one, seven] = [ms.get('one') ?? Number.NaN, ms.get('seven') ?? Number.NaN];
    rowsOf.push({
      task: `mixture of ${HEADS} heads, ${n} rows`,
      backend: `onnx (${backend.manifest.device})`,
      peer: 'seven passes on the same backend',
      medianMs: one,
      gflops: gflops(2 * n * HEADS * HIDDEN * (INPUT + OUTPUT), one),
      ratio: one / seven,
      peerMedianMs: seven,
    });
  }
  await backend.close();
  return rowsOf;
}
