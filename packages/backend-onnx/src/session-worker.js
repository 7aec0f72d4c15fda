// The one thread in which onnxruntime runs: `session.run` blocks the event loop of whoever calls it. This file is plain
// JavaScript so that node starts the very same file from the sources and from the published package.
import { parentPort } from 'node:worker_threads';
import { native } from '@freebind/threads/native';

/** @import * as Ort from 'onnxruntime-node' */

const ort = await native(() => import('onnxruntime-node'));

// What goes wrong is thrown; onnxruntime need not write it to the terminal as well.
ort.env.logLevel = 'fatal';

/** @typedef {import('./session-protocol.ts').PackedByName} PackedByName */
/** @typedef {Readonly<Record<string, Ort.Tensor>>} Tensors */

/** @type {Map<number, Ort.InferenceSession>} */
const sessions = new Map();
/** Two sets of tensors each: the one that a run reads, and the one it writes, which the first run makes. @type {Map<number, { current: Tensors, spare: Tensors }>} */
const states = new Map();

/** Of a run that has none. @type {{ current: Tensors, spare: Tensors }} */
const STATELESS = { current: {}, spare: {} };

/** @param {PackedByName} packed @returns {Tensors} */
const unpack = (packed) =>
  Object.fromEntries(
    Object.entries(packed).map(([name, { type, dims, data }]) => [name, new ort.Tensor(type, data, dims)]),
  );

/** @param {Tensors} tensors @returns {PackedByName} */
const pack = (tensors) =>
  Object.fromEntries(
    // Graphs of freebind give and take the types of Packed only.
    Object.entries(tensors).map(([name, { type, dims, data }]) => [name, /** @type {any} */ ({ type, dims, data })]),
  );

/** @template T @param {T | undefined} found @returns {T} */
const present = (found) => {
  if (found === undefined) throw new Error('The session or state is closed.');
  return found;
};

/**
 * @param {import('./session-protocol.ts').Placement} placement
 * @param {boolean} keepsMemory
 * @returns {Ort.InferenceSession.SessionOptions}
 */
const sessionOptions = ({ device, threads }, keepsMemory) => ({
  executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  enableCpuMemArena: keepsMemory,
  enableMemPattern: keepsMemory,
  graphOptimizationLevel: 'all',
  // 4 is "fatal": that nodes fall back to the CPU is by design, and errors are thrown.
  logSeverityLevel: 4,
  // Training graphs transpose one factor of a weight's gradient, because GEMM reads it faster along its rows; this
  // optimiser would undo it, and cost a tenth of the step.
  //
  // Numbers below float32's smallest normal one some processors take fifty times as long to multiply; as zeros they change no sum.
  // onnxruntime heeds this in its own threads, and in the thread of a process's first session; `weigh.ts` does without.
  extra: {
    optimization: { disable_specified_optimizers: 'GemmTransposeFusion' },
    session: { set_denormal_as_zero: '1' },
  },
});

/** Prefix of the outputs that replace a state. */
const NEXT = 'next/';
/** An output that is no tensor. */
const UNREADABLE = 'unreadable';
/** What onnxruntime-node says to the output `unreadable`. */
const STOPPED = 'Non tensor type is temporarily not supported.';

/** @param {import('./session-protocol.ts').Windows} windows @returns {Tensors} */
const view = (windows) =>
  Object.fromEntries(
    Object.entries(windows).map(([name, { state, tensor, start, end }]) => {
      const { data, dims } = present(present(states.get(state)).current[tensor]);
      const cols = Number(dims[1]);
      // What states keep of rows is float32.
      const rows = /** @type {Float32Array} */ (data).subarray(start * cols, end * cols);
      return [name, new ort.Tensor('float32', rows, [end - start, cols])];
    }),
  );

/**
 * Runs a graph whose outputs are written into tensors that are handed in: windows, or those of a state. After a run
 * onnxruntime-node copies every output into new memory, those it was handed as well: 45 MB a step for one projector, which
 * is 5 % of the step, and 1.3 GB for FuseMix. It reads the outputs in order and throws at one that is no tensor; graphs of
 * freebind put such a one first, and by then all others are written.
 *
 * @param {Ort.InferenceSession} session
 * @param {{ current: Tensors, spare: Tensors }} state
 * @param {Tensors} feeds
 * @param {Tensors} windows
 */
async function runInto(session, { current, spare }, feeds, windows) {
  const names = session.outputNames.filter((name) => name !== UNREADABLE);
  const fetches = Object.fromEntries(
    names.map((output) => {
      const name = output.slice(NEXT.length);
      if (output.startsWith(NEXT)) return [output, spare[name] ?? emptyLike(present(current[name]))];
      // What is neither a window nor replaces a tensor of the state is one number.
      return [output, windows[output] ?? emptyLike()];
    }),
  );
  try {
    await session.run({ ...current, ...feeds, ...windows }, { [UNREADABLE]: null, ...fetches });
  } catch (error) {
    if (!(error instanceof Error && error.message === STOPPED)) throw error;
  }
  return {
    next: Object.fromEntries(
      names.filter((name) => name.startsWith(NEXT)).map((name) => [name.slice(NEXT.length), present(fetches[name])]),
    ),
    others: Object.fromEntries(
      names
        .filter((name) => !name.startsWith(NEXT) && !(name in windows))
        .map((name) => [name, present(fetches[name])]),
    ),
  };
}

/** @param {Ort.Tensor} [tensor] @returns {Ort.Tensor} */
const emptyLike = (tensor) => new ort.Tensor('float32', new Float32Array(tensor?.size ?? 1), tensor?.dims ?? []);

/**
 * @param {import('./session-protocol.ts').Request} call
 * @returns {Promise<{ outputs: PackedByName, feeds?: PackedByName }>}
 */
async function answer(call) {
  switch (call.kind) {
    case 'open':
      sessions.set(
        call.session,
        await ort.InferenceSession.create(call.model, sessionOptions(call.placement, call.keepsMemory)),
      );
      return { outputs: {} };
    case 'run': {
      const session = present(sessions.get(call.session));
      const feeds = unpack(call.feeds);
      const windows = view(call.windows);
      if (!session.outputNames.includes(UNREADABLE))
        return { outputs: pack(await session.run({ ...feeds, ...windows })), feeds: call.feeds };
      const state = call.state === undefined ? STATELESS : present(states.get(call.state));
      const { next, others } = await runInto(session, state, feeds, windows);
      if (call.state !== undefined) {
        const old = Object.keys(next).map((name) => [name, state.current[name]]);
        states.set(call.state, {
          current: { ...state.current, ...next },
          spare: { ...state.spare, ...Object.fromEntries(old) },
        });
      }
      return { outputs: pack(others), feeds: call.feeds };
    }
    case 'keep':
      states.set(call.state, { current: unpack(call.tensors), spare: {} });
      return { outputs: {} };
    case 'copy': {
      const { current } = present(states.get(call.state));
      return { outputs: structuredClone(pack(current)) };
    }
    case 'drop':
      if (call.state !== undefined) states.delete(call.state);
      if (call.session !== undefined) {
        await sessions.get(call.session)?.release();
        sessions.delete(call.session);
      }
      return { outputs: {} };
    case 'end':
      for (const session of sessions.values()) await session.release();
      return { outputs: {} };
  }
}

/** @param {import('./session-protocol.ts').Call} call */
async function reply(call) {
  // A worker's port has no origin to name.
  /* oxlint-disable unicorn/require-post-message-target-origin */
  try {
    const result = await native(() => answer(call));
    const packed = [...Object.values(result.outputs), ...Object.values(result.feeds ?? {})];
    const buffers = new Set(packed.map(({ data }) => data.buffer));
    parentPort?.postMessage({ id: call.id, ...result }, /** @type {ArrayBuffer[]} */ ([...buffers]));
  } catch (error) {
    parentPort?.postMessage({ id: call.id, error });
  }
  /* oxlint-enable unicorn/require-post-message-target-origin */
  if (call.kind === 'end') parentPort?.close();
}

// Calls are answered one after another: a state is never in two runs at once.
let last = Promise.resolve();
parentPort?.on('message', (call) => {
  last = last.then(() => reply(call));
});
