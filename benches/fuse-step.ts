import { adapter, initialise, normalMatrix, normaliseRows, random, type Table, tableOf } from '@freebind/core';
import { startOnnx } from '@freebind/backend-onnx';
import { GEMM_OPERATIONS, largeGemm } from './gemm.ts';
import { type BenchOptions, gflops, interleave, type Row, time } from './harness.ts';
import { openPeer } from './peer.ts';

const [BATCH, IMAGE, TEXT, OUTPUT, BLOCKS, EXPANSION] = [8192, 1536, 1024, 512, 4, 4];
const ITEMS = 2 * BATCH;
/** Each weight meets each row three times (forward, ∂W, ∂x), the logits and the way back through both sides likewise. */
const OPERATIONS =
  3 *
  BATCH *
  ([IMAGE, TEXT].reduce((sum, d) => sum + BLOCKS * 2 * EXPANSION * d * d + d * OUTPUT, 0) + (BATCH / 2) * OUTPUT);

/** FuseMix's training step with the published adapters, batch 8192 before mixup. */
export async function fuseStep({ rounds, threads }: BenchOptions): Promise<readonly Row[]> {
  const backend = await startOnnx({ device: 'cpu', threads });
  const network = (input: number): ReturnType<typeof initialise> =>
    initialise(
      adapter({ input, output: OUTPUT, blocks: BLOCKS, expansion: EXPANSION }),
      random('bench', input),
      'fan-in',
    );
  const trainer = await backend.openTrainer({
    networks: { image: network(IMAGE), text: network(TEXT) },
    tables: { image: unit(IMAGE, 'image'), text: unit(TEXT, 'text') },
    objective: {
      pairs: [{ left: { table: 'image', network: 'image' }, right: { table: 'text', network: 'text' } }],
      temperature: { initial: 0.07, learned: { min: 0.001, max: 0.5 } },
    },
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 },
    batch: BATCH,
    mixup: true,
  });
  let seed = 0;
  const step = (): Promise<number> => {
    const rows = random('bench', 'order', ++seed).permutation(ITEMS).slice(0, BATCH);
    return time(() => trainer.step({ rows, learningRate: 1e-3, mix: 0.3, seed }));
  };
  const peer = await openPeer(threads);
  const peers = typeof peer === 'string' ? [] : [peer.contender('fuse-step')];
  const ms = await interleave([{ name: 'onnx', run: step }, await largeGemm(threads), ...peers], Math.min(rounds, 3));
  if (typeof peer !== 'string') peer.close();
  await trainer.close();
  await backend.close();

  const [ours, gemm] = [ms.get('onnx') ?? Number.NaN, ms.get('large GEMM') ?? Number.NaN];
  const theirs = ms.get('PyTorch fuse-step');
  const rate = gflops(OPERATIONS, ours);
  return [
    {
      task: `FuseMix step, batch ${BATCH} before mixup, ${IMAGE}/${TEXT} → ${OUTPUT}, ${BLOCKS} blocks`,
      backend: `onnx (${backend.manifest.device})`,
      peer: typeof peer === 'string' ? peer : peer.name,
      medianMs: ours,
      gflops: rate,
      ratio: theirs === undefined ? null : ours / theirs,
      peerMedianMs: theirs ?? null,
      gemmGflops: gflops(GEMM_OPERATIONS, gemm),
      ofGemmRate: rate / gflops(GEMM_OPERATIONS, gemm),
    },
  ];
}

function unit(cols: number, name: string): Table {
  return tableOf(normaliseRows(normalMatrix(ITEMS, cols, random('bench', name))));
}
