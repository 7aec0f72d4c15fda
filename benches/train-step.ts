import { initialise, normalMatrix, normaliseRows, projector, random, type Table, tableOf } from '@freebind/core';
import { startOnnx } from '@freebind/backend-onnx';
import { GEMM_OPERATIONS, largeGemm } from './gemm.ts';
import { type BenchOptions, gflops, interleave, type Row, time } from './harness.ts';
import { openPeer } from './peer.ts';

const [BATCH, INPUT, HIDDEN, OUTPUT] = [4096, 1024, 2048, 768];
const ITEMS = 2 * BATCH;
/** Forward, ∂W of both layers, ∂x of the second, the logits and their way back. */
const OPERATIONS = 2 * BATCH * (2 * INPUT * HIDDEN + 3 * HIDDEN * OUTPUT + 2 * BATCH * OUTPUT);

/** FreeBind's training step, gather to Adam: one projector, one frozen table, batch 4096. */
export async function trainStep({ rounds, threads }: BenchOptions): Promise<readonly Row[]> {
  const backend = await startOnnx({ device: 'cpu', threads });
  const trainer = await backend.openTrainer({
    networks: { p: initialise(projector({ input: INPUT, hidden: HIDDEN, output: OUTPUT }), random('bench'), 'xavier') },
    tables: { source: unit(INPUT, 'source'), target: unit(OUTPUT, 'target') },
    objective: {
      pairs: [{ left: { table: 'source', network: 'p' }, right: { table: 'target' } }],
      temperature: { initial: 0.02 },
    },
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
    batch: BATCH,
  });
  let steps = 0;
  const step = (): Promise<number> => {
    const rows = random('bench', 'order', steps++).permutation(ITEMS).slice(0, BATCH);
    return time(() => trainer.step({ rows, learningRate: 1e-3 }));
  };
  const peer = await openPeer(threads);
  const peers = typeof peer === 'string' ? [] : [peer.contender('train-step'), peer.contender('gemm')];
  const ms = await interleave([{ name: 'onnx', run: step }, await largeGemm(threads), ...peers], rounds);
  if (typeof peer !== 'string') peer.close();
  await trainer.close();
  await backend.close();

  const [ours, gemm] = [ms.get('onnx') ?? Number.NaN, ms.get('large GEMM') ?? Number.NaN];
  const [theirs, theirGemm] = [ms.get('PyTorch train-step'), ms.get('PyTorch gemm')];
  const rate = gflops(OPERATIONS, ours);
  return [
    {
      task: `FreeBind step, batch ${BATCH}, ${INPUT} → ${HIDDEN} → ${OUTPUT}`,
      backend: `onnx (${backend.manifest.device})`,
      peer: typeof peer === 'string' ? peer : peer.name,
      medianMs: ours,
      gflops: rate,
      ratio: theirs === undefined ? null : ours / theirs,
      peerMedianMs: theirs ?? null,
      gemmGflops: gflops(GEMM_OPERATIONS, gemm),
      peerGemmGflops: theirGemm === undefined ? null : gflops(GEMM_OPERATIONS, theirGemm),
      ofGemmRate: rate / gflops(GEMM_OPERATIONS, gemm),
    },
  ];
}

function unit(cols: number, name: string): Table {
  return tableOf(normaliseRows(normalMatrix(ITEMS, cols, random('bench', name))));
}
