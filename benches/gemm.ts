import onnxProto from 'onnx-proto';
import * as ort from 'onnxruntime-node';
import { type Contender, time } from './harness.ts';

/** Side of the square matrices whose product is the machine's large-GEMM rate. */
const SIDE = 4096;
/** Operations of one run of `largeGemm`. */
export const GEMM_OPERATIONS = 2 * SIDE ** 3;

/** One product of two 4096 × 4096 matrices on onnxruntime: what the runtime can do when nothing else is to be done. */
export async function largeGemm(threads: number): Promise<Contender> {
  const shape = [SIDE, SIDE];
  const dim = shape.map((dimValue) => ({ dimValue }));
  const type = { tensorType: { elemType: onnxProto.onnx.TensorProto.DataType.FLOAT, shape: { dim } } };
  const model = onnxProto.onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 18 }],
    graph: {
      name: 'gemm',
      node: [{ opType: 'MatMul', input: ['a', 'b'], output: ['c'] }],
      input: [
        { name: 'a', type },
        { name: 'b', type },
      ],
      output: [{ name: 'c', type }],
    },
  }).finish();
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: threads, interOpNumThreads: 1 });
  const filled = (): ort.Tensor => new ort.Tensor('float32', new Float32Array(SIDE * SIDE).fill(0.5), shape);
  const [feeds, fetches] = [{ a: filled(), b: filled() }, { c: filled() }];
  return { name: 'large GEMM', run: () => time(() => session.run(feeds, fetches)) };
}
