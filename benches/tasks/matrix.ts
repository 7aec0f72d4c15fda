import { type Backend, tableOf } from '@freebind/core';
import onnxProto from 'onnx-proto';
import * as ort from 'onnxruntime-node';
// What the backend's interface stands on, and is measured against.
// oxlint-disable-next-line no-restricted-imports
import { Device } from '../../packages/backend-tfjs/src/device.ts';
// oxlint-disable-next-line no-restricted-imports
import { Program } from '../../packages/backend-tfjs/src/program.ts';
import type { BackendTask, Work } from '../task.ts';
import { unitRowsOf } from './inputs.ts';

/**
 * One product of two square matrices: what the device can do when nothing else is to be done. On onnxruntime's CPU a graph of this
 * one node, on TensorFlow.js' wasm this one kernel on a tensor that it keeps; elsewhere scores, through the backend's own interface, so
 * that handing over rows and result counts.
 */
export const matrix: BackendTask<{ side: number }> = {
  name: 'matrix',
  sizes: [4096, 2048, 1024, 512, 256].map((side) => ({ side })),
  peer: 'pytorch',
  operations: ({ side }) => 2 * side ** 3,
  describe: ({ side }) => `matrix product, ${side} × ${side} × ${side}`,
  open: (backend, { side }, { threads }) => {
    const { id, device } = backend.manifest;
    if (id === 'onnx' && device.startsWith('cpu')) return openGraph(side, threads);
    return device.startsWith('wasm') ? openKernel(side, threads) : openScores(backend, side);
  },
};

async function openScores(backend: Backend, side: number): Promise<Work> {
  const runner = await backend.openBank({ keys: tableOf(unitRowsOf(side, side, 'keys')) });
  const queries = unitRowsOf(side, side, 'queries');
  return { run: async () => void (await runner.scores(queries)), close: () => runner.close() };
}

async function openGraph(side: number, threads: number): Promise<Work> {
  const shape = [side, side];
  const dim = shape.map((dimValue) => ({ dimValue }));
  const type = { tensorType: { elemType: onnxProto.onnx.TensorProto.DataType.FLOAT, shape: { dim } } };
  const model = onnxProto.onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 18 }],
    graph: {
      name: 'matrix',
      node: [{ opType: 'MatMul', input: ['a', 'b'], output: ['c'] }],
      input: [
        { name: 'a', type },
        { name: 'b', type },
      ],
      output: [{ name: 'c', type }],
    },
  }).finish();
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: threads, interOpNumThreads: 1 });
  const filled = (): ort.Tensor => new ort.Tensor('float32', new Float32Array(side * side).fill(0.5), shape);
  const [feeds, fetches] = [{ a: filled(), b: filled() }, { c: filled() }];
  return { run: async () => void (await session.run(feeds, fetches)), close: () => session.release() };
}

async function openKernel(side: number, threads: number): Promise<Work> {
  const device = new Device();
  await device.start({ runtime: 'wasm', threads });
  const program = new Program();
  const x = program.input('x', [side, side]);
  program.output('corner', program.rows(program.reshape(program.product(x, x), [side * side, 1]), 0, 1));
  const opened = await device.open(program.compile());
  const data = Float32Array.from(unitRowsOf(side, side, 'keys').data);
  const kept = await device.keep({ x: { shape: [side, side], data } });
  return { run: async () => void (await opened.run({}, kept)), close: () => device.close() };
}
