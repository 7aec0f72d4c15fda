import { FreebindError } from '@freebind/core';
import { tracedBatch } from '@freebind/encoder-onnx';
import * as fc from 'fast-check';
import { damaged } from '../damage.ts';
import { type Field, message, strays } from '../protobuf.ts';
import type { Reader } from '../reader.ts';

const whole = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(2n, 8n, 64n, -1n, 0n) },
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
);
/** Shapes in which windows are put back together, and others. */
const shape = fc.oneof(
  fc.constantFrom([2n, 8n, 8n, 8n, 8n, -1n], [2n, 4n, 4n, 8n, 8n, -1n], [3n, 8n, 8n, 8n, 8n, -1n]),
  fc.array(whole, { maxLength: 9 }),
);
const tensor = fc
  .record({ shape, type: fc.constantFrom(7, 7, 7, 1, 99), dims: fc.nat(2), strays, cut: fc.constantFrom(0, 0, 0, 3) })
  .map(({ shape, type, dims, strays, cut }) => {
    const raw = new Uint8Array(BigInt64Array.from(shape).buffer);
    return message([
      ...Array.from({ length: dims }, (): Field => [1, shape.length]),
      [2, type],
      [9, raw.subarray(0, raw.length - cut)],
      ...strays,
    ]);
  });
const node = fc
  .tuple(fc.array(tensor, { maxLength: 3 }), strays)
  .map(([tensors, strays]) =>
    message([
      ...tensors.map((one): Field => [5, message([[5, one]])]),
      [4, new TextEncoder().encode('Constant')],
      ...strays,
    ]),
  );
const files = fc
  .record({
    nodes: fc.array(node, { maxLength: 4 }),
    initialisers: fc.array(tensor, { maxLength: 4 }),
    strays,
    length: fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, fc.bigInt(0n, 2n ** 64n - 1n)),
  })
  .map(({ nodes, initialisers, strays, length }) => {
    const graph = message([
      ...nodes.map((one): Field => [1, one]),
      ...initialisers.map((one): Field => [5, one]),
      ...strays,
    ]);
    // A length that lies takes the place of the graph's own.
    return message([[1, 8], ...(length === undefined ? [] : ([[7, length]] satisfies Field[])), [7, graph], ...strays]);
  });

/** What freebind itself reads of an ONNX file; all else is onnxruntime's. */
export const onnxGraph: Reader = {
  name: 'onnx',
  extension: 'onnx',
  inputs: damaged(files),
  read: async (path) => {
    // It finds a size or none and refuses nothing; none counts as a refusal, so that both kinds are seen to come.
    if ((await tracedBatch(path)) === undefined) throw new FreebindError('FREEBIND_FILE_INVALID', 'has no size');
  },
};
