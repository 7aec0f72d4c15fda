// What a thread does for one encoder: `session.run` blocks the event loop of whoever calls it. Plain JavaScript, so that node
// starts the very same file from the sources and from the published package.
import { native } from '@freebind/threads/native';
import { lookUp } from './levels.js';
import { repeatRows } from './repeat-rows.js';

/** @import * as Ort from 'onnxruntime-node' */

const ort = await native(() => import('onnxruntime-node'));

// What goes wrong is thrown; onnxruntime need not write it to the terminal as well.
ort.env.logLevel = 'fatal';

/** The thread's one session. @type {Promise<Ort.InferenceSession> | undefined} */
let session;

/** @param {readonly Ort.InferenceSession.ValueMetadata[]} metadata @returns {import('./contract.ts').GraphPorts['inputs']} */
const ports = (metadata) =>
  metadata.map((port) =>
    port.isTensor
      ? { name: port.name, type: port.type, dims: port.shape }
      : { name: port.name, type: 'no tensor', dims: [] },
  );

/** @param {import('./encoder-placement.ts').PlacedGraph} graph */
const open = ({ path, device = 'cpu', threads }) =>
  native(() =>
    ort.InferenceSession.create(path, {
      executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
      ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      // Threads that wait for the next run by spinning take the cores from those that prepare its inputs.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
      // 4 is "fatal": that nodes fall back to the CPU is by design, and errors are thrown.
      logSeverityLevel: 4,
    }),
  );

/** The graph, loaded if it is not: this thread may have taken the place of one that died. @param {import('./encoder-placement.ts').PlacedGraph} graph */
const sessionOf = (graph) =>
  (session ??= open(graph).catch((error) => {
    session = undefined;
    throw error;
  }));

/**
 * @param {import('./encoder-placement.ts').PlacedGraph} graph
 * @returns {Promise<import('./contract.ts').GraphPorts>}
 */
export async function load(graph) {
  const { inputMetadata, outputMetadata } = await sessionOf(graph);
  return { inputs: ports(inputMetadata), outputs: ports(outputMetadata) };
}

/**
 * The memory of each input's last numbers that were made here: for a batch they are megabytes, which would cost as much to get as to fill.
 *
 * @type {Map<string, Float32Array>}
 */
const numbers = new Map();

/**
 * What the numbers of a feed stand for. It is overwritten by the next run, before which this one has ended: a thread has one call at a time.
 *
 * @param {string} input
 * @param {import('./contract.ts').Feed} feed
 */
function numbersOf(input, { data, dims, levels, times = 1 }) {
  if (levels === undefined && times === 1) return data;
  const length = dims.reduce((product, dim) => product * dim, 1);
  const kept = numbers.get(input);
  const out = kept?.length === length ? kept : new Float32Array(length);
  numbers.set(input, out);
  const [rows = 0, planes = 0] = dims;
  if (levels !== undefined) lookUp(/** @type {Uint8Array} */ (data), levels, rows * planes, out);
  else repeatRows(/** @type {Float32Array} */ (data), rows, times, out);
  return out;
}

/**
 * @param {import('./encoder-placement.ts').PlacedGraph} graph
 * @param {Readonly<Record<string, import('./contract.ts').Feed>>} feeds
 * @param {string} name of the output
 * @returns {Promise<import('./contract.ts').GraphRows>}
 */
export async function run(graph, feeds, name) {
  const loaded = await sessionOf(graph);
  const tensors = Object.entries(feeds).map(([input, feed]) => {
    const data = /** @type {Float32Array} */ (numbersOf(input, feed)); // a Uint8Array is what onnxruntime takes for bool
    return [input, new ort.Tensor(/** @type {'float32'} */ (feed.type), data, feed.dims)];
  });
  const outputs = await native(() => loaded.run(Object.fromEntries(tensors), [name]));
  const output = outputs[name];
  if (output === undefined || !(output.data instanceof Float32Array)) throw new Error(`No float32 "${name}" came out.`);
  return { dims: output.dims, data: output.data };
}
