// The thread of one encoder: `session.run` blocks the event loop of whoever calls it. Plain JavaScript, so that node starts the
// very same file from the sources and from the published package.
import { parentPort } from 'node:worker_threads';
import * as ort from 'onnxruntime-node';

// What goes wrong is thrown; onnxruntime need not write it to the terminal as well.
ort.env.logLevel = 'fatal';

/** @type {ort.InferenceSession | undefined} */
let session;

/** @param {readonly ort.InferenceSession.ValueMetadata[]} metadata @returns {import('./contract.ts').GraphPorts['inputs']} */
const ports = (metadata) =>
  metadata.map((port) =>
    port.isTensor
      ? { name: port.name, type: port.type, dims: port.shape }
      : { name: port.name, type: 'no tensor', dims: [] },
  );

/** @param {import('./encoder-thread.ts').Request} call */
async function answer(call) {
  if (call.kind === 'load') {
    session = await ort.InferenceSession.create(call.path, {
      executionProviders: call.device === 'cpu' ? ['cpu'] : [call.device, 'cpu'],
      ...(call.threads === undefined ? {} : { intraOpNumThreads: call.threads }),
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      // 4 is "fatal": that nodes fall back to the CPU is by design, and errors are thrown.
      logSeverityLevel: 4,
    });
    return { inputs: ports(session.inputMetadata), outputs: ports(session.outputMetadata) };
  }
  if (session === undefined) throw new Error('The graph is not loaded.');
  const feeds = Object.fromEntries(
    Object.entries(call.feeds).map(([name, { type, data, dims }]) => [
      name,
      // A Uint8Array is what onnxruntime takes for bool.
      new ort.Tensor(/** @type {'float32'} */ (type), /** @type {Float32Array} */ (data), dims),
    ]),
  );
  const outputs = await session.run(feeds, [call.output]);
  const output = outputs[call.output];
  if (output === undefined || !(output.data instanceof Float32Array))
    throw new Error(`No float32 "${call.output}" came out.`);
  return { dims: output.dims, data: output.data };
}

/** @param {import('./encoder-thread.ts').Request} call */
async function reply(call) {
  // A worker's port has no origin to name.
  /* oxlint-disable unicorn/require-post-message-target-origin */
  try {
    const value = await answer(call);
    const transfer = 'data' in value ? [/** @type {ArrayBuffer} */ (value.data.buffer)] : [];
    parentPort?.postMessage({ id: call.id, value }, transfer);
  } catch (error) {
    parentPort?.postMessage({ id: call.id, error });
  }
  /* oxlint-enable unicorn/require-post-message-target-origin */
}

// Calls are answered one after another.
let last = Promise.resolve();
parentPort?.on('message', (call) => {
  last = last.then(() => reply(call));
});
