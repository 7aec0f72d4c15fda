// What a thread does for one encoder: `session.run` blocks the event loop of whoever calls it. Plain JavaScript, so that node
// starts the very same file from the sources and from the published package.
import * as ort from 'onnxruntime-node';

// What goes wrong is thrown; onnxruntime need not write it to the terminal as well.
ort.env.logLevel = 'fatal';

/** The thread's one session. @type {ort.InferenceSession | undefined} */
let session;

/** @param {readonly ort.InferenceSession.ValueMetadata[]} metadata @returns {import('./contract.ts').GraphPorts['inputs']} */
const ports = (metadata) =>
  metadata.map((port) =>
    port.isTensor
      ? { name: port.name, type: port.type, dims: port.shape }
      : { name: port.name, type: 'no tensor', dims: [] },
  );

/**
 * @param {string} path
 * @param {import('./encoder-placement.ts').EncoderPlacement} placement
 * @returns {Promise<import('./contract.ts').GraphPorts>}
 */
export async function load(path, { device = 'cpu', threads }) {
  session = await ort.InferenceSession.create(path, {
    executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    // Threads that wait for the next run by spinning take the cores from those that prepare its inputs.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
    // 4 is "fatal": that nodes fall back to the CPU is by design, and errors are thrown.
    logSeverityLevel: 4,
  });
  return { inputs: ports(session.inputMetadata), outputs: ports(session.outputMetadata) };
}

/**
 * @param {Readonly<Record<string, import('./contract.ts').Feed>>} feeds
 * @param {string} name of the output
 * @returns {Promise<import('./contract.ts').GraphRows>}
 */
export async function run(feeds, name) {
  if (session === undefined) throw new Error('The graph is not loaded.');
  const tensors = Object.entries(feeds).map(([input, { type, data, dims }]) => [
    input,
    // A Uint8Array is what onnxruntime takes for bool.
    new ort.Tensor(/** @type {'float32'} */ (type), /** @type {Float32Array} */ (data), dims),
  ]);
  const output = (await session.run(Object.fromEntries(tensors), [name]))[name];
  if (output === undefined || !(output.data instanceof Float32Array)) throw new Error(`No float32 "${name}" came out.`);
  return { dims: output.dims, data: output.data };
}
