// The one thread in which TensorFlow.js runs. This file and what it imports are plain JavaScript, so that node starts the very
// same files from the sources and from the published package.
import { parentPort } from 'node:worker_threads';
import { rankRows } from './ranking.js';
import { runProgram } from './run.js';
import { Missing, startRuntime } from './runtimes.js';

/** @typedef {import('../worker-protocol.ts').PackedByName} PackedByName */
/** @typedef {import('@tensorflow/tfjs-core').Tensor} Tensor */

/** @type {import('./runtimes.js').Engine | undefined} */
let engine;
/** @type {Map<number, import('./run.js').Program>} */
const programs = new Map();
/** @type {Map<number, Map<string, Tensor>>} */
const states = new Map();

/** @template T @param {T | undefined} found @returns {T} */
const present = (found) => {
  if (found === undefined) throw new Error('What the call names is closed.');
  return found;
};

/** @param {ReadonlyMap<string, Tensor>} tensors @returns {Promise<PackedByName>} */
async function read(tensors) {
  /** @type {Record<string, import('../worker-protocol.ts').Packed>} */
  const packed = {};
  for (const [name, tensor] of tensors) {
    // All programs compute in float32.
    packed[name] = { shape: tensor.shape, data: /** @type {Float32Array} */ (await tensor.data()) };
  }
  return packed;
}

/** @param {PackedByName} packed @returns {Map<string, Tensor>} */
const upload = (packed) =>
  new Map(
    Object.entries(packed).map(([name, { shape, data }]) => [
      name,
      present(engine).tensor(data, [...shape], 'float32'),
    ]),
  );

/** @param {import('../worker-protocol.ts').Run} run @returns {Promise<PackedByName>} */
async function compute({ program, feeds, states: named, spent }) {
  const { check } = present(engine);
  const own = named.map((state) => present(states.get(state)));
  const batch = spent === undefined ? undefined : present(states.get(spent));
  const outputs = runProgram(present(engine), present(programs.get(program)), feeds, own, batch);
  try {
    const packed = await read(outputs);
    check();
    return packed;
  } finally {
    for (const tensor of outputs.values()) tensor.dispose();
  }
}

/**
 * @param {import('../worker-protocol.ts').Request} call
 * @returns {Promise<import('../worker-protocol.ts').Answer>}
 */
async function answer(call) {
  switch (call.kind) {
    case 'start': {
      const { started, ...runtime } = await startRuntime(call.options);
      engine = runtime;
      return { started };
    }
    case 'open': {
      const constants = call.compiled.constants.map(({ slot, value }) => /** @type {const} */ ([String(slot), value]));
      programs.set(call.program, { ...call.compiled, tensors: upload(Object.fromEntries(constants)) });
      return {};
    }
    case 'run':
      return { outputs: await compute(call) };
    case 'rank': {
      const { scores } = await compute(call);
      return rankRows(present(scores), call.k);
    }
    case 'keep':
      states.set(call.state, upload(call.tensors));
      return {};
    case 'put': {
      const { copies, check } = present(engine);
      const state = present(states.get(call.state));
      const tensor = upload({ [call.name]: call.tensor }).get(call.name);
      state.get(call.name)?.dispose();
      state.set(call.name, present(tensor));
      check();
      return copies ? { spare: call.tensor.data } : {};
    }
    case 'copy': {
      // Some runtimes give their own memory instead of a copy, and what is answered leaves this thread.
      const outputs = structuredClone(await read(present(states.get(call.state))));
      present(engine).check();
      return { outputs };
    }
    case 'drop':
      for (const tensor of states.get(call.state ?? 0)?.values() ?? []) tensor.dispose();
      for (const tensor of programs.get(call.program ?? 0)?.tensors.values() ?? []) tensor.dispose();
      states.delete(call.state ?? 0);
      programs.delete(call.program ?? 0);
      return {};
    case 'memory': {
      const { numTensors, numBytes } = present(engine).memory();
      return { memory: { numTensors, numBytes } };
    }
    case 'end':
      engine?.end();
      return {};
  }
}

/** @param {import('../worker-protocol.ts').Call} call */
async function reply(call) {
  // A worker's port has no origin to name.
  /* oxlint-disable unicorn/require-post-message-target-origin */
  try {
    const result = await answer(call);
    const buffers = new Set(Object.values(result.outputs ?? {}).map(({ data }) => data.buffer));
    if (result.spare !== undefined) buffers.add(result.spare.buffer);
    parentPort?.postMessage({ id: call.id, answer: result }, /** @type {ArrayBuffer[]} */ ([...buffers]));
  } catch (error) {
    parentPort?.postMessage({ id: call.id, error, missing: error instanceof Missing });
  }
  /* oxlint-enable unicorn/require-post-message-target-origin */
}

// Calls are answered one after another: a state is never in two runs at once.
let last = Promise.resolve();
parentPort?.on('message', (call) => {
  last = last.then(() => reply(call));
});
