import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { wasmKernels } from './kernels.js';
import { endSpareThreads, MOST_THREADS, startWasmModule } from './wasm.js';

const require = createRequire(import.meta.url);

/** @typedef {typeof import('@tensorflow/tfjs-core')} Tf */
/** @typedef {import('@tensorflow/tfjs-core').Tensor} Tensor */
/** @typedef {import('../worker-protocol.ts').Runtime} Runtime */
/** @typedef {import('../worker-protocol.ts').Chosen} Options */
/**
 * What programs need of TensorFlow.js, on any runtime.
 * @typedef {object} Engine
 * @property {(data: Float32Array | Int32Array, shape: number[], type: 'float32') => Tensor} tensor
 * @property {boolean} copies whether `tensor` has copied its data when it is made
 * @property {(kernel: string, inputs: any, attributes: any) => Tensor} runKernel
 * @property {() => void} startScope
 * @property {() => void} endScope
 * @property {(tensor: Tensor) => void} keep
 * @property {() => { numTensors: number, numBytes: number }} memory
 * @property {() => void} check throws what a kernel could only write to the error output
 * @property {() => void} forget drops that instead, where a run fails anyway
 * @property {() => void} end
 */
/** @typedef {{ readonly tf: Tf, readonly device: string, complaints?: string[], end?: () => void }} Loaded */

/** A runtime that is not on this machine; the message says what brings it. */
export class Missing extends Error {}

/** In the order in which `auto` tries them: GPUs, then native code, then wasm, which is everywhere. @type {readonly Runtime[]} */
const ORDER = ['node-gpu', 'webgpu', 'node', 'wasm', 'cpu'];

/** @type {Readonly<Record<Runtime, (options: Options) => Promise<Loaded>>>} */
const LOADERS = {
  'node-gpu': () => loadNode('@tensorflow/tfjs-node-gpu', 'libtensorflow with CUDA'),
  node: () => loadNode('@tensorflow/tfjs-node', 'libtensorflow on the CPU'),
  webgpu: loadWebgpu,
  wasm: loadWasm,
  cpu: loadCpu,
};

/** @param {Options} options @returns {Promise<Engine & { readonly started: import('../worker-protocol.ts').Started }>} */
export async function startRuntime(options) {
  /** @type {string[]} */
  const passedOver = [];
  for (const runtime of options.runtime === 'auto' ? ORDER : [options.runtime]) {
    try {
      const { tf, device, complaints = [], end = () => undefined } = await LOADERS[runtime](options);
      tf.enableProdMode(); // no checks of arguments, and no advice to use another runtime on the terminal
      const engine = tf.engine();
      return {
        started: { runtime, device, passedOver },
        tensor: (data, shape, type) => tf.tensor(data, shape, type),
        copies: runtime === 'wasm',
        // Programs use kernels of one output.
        runKernel: (kernel, inputs, attributes) => /** @type {Tensor} */ (engine.runKernel(kernel, inputs, attributes)),
        startScope: () => engine.startScope(),
        endScope: () => engine.endScope(),
        keep: (tensor) => void tf.keep(tensor),
        memory: () => tf.memory(),
        check: () => {
          const found = complaints.splice(0);
          if (found.length > 0) throw new Error(`a kernel of the ${runtime} runtime failed: ${found.join(' ')}`);
        },
        forget: () => void complaints.splice(0),
        end,
      };
    } catch (error) {
      if (options.runtime !== 'auto') throw error;
      passedOver.push(`${runtime}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Missing(`No runtime of TensorFlow.js starts on this machine. ${passedOver.join(' ')}`);
}

/** @param {string} name @param {string} mending @returns {any} */
function load(name, mending) {
  try {
    return require(name);
  } catch (cause) {
    const found = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw new Missing(`${name} cannot be loaded (${found}); ${mending}.`, { cause });
  }
}

const NO_ADAPTER =
  "WebGPU finds no adapter on this machine; install a driver for Vulkan (on Linux also libvulkan1), or choose `runtime: 'wasm'`.";
/** How long drivers may take to say whether they are there, in milliseconds. */
const PROBE_MS = 30_000;

/** libtensorflow, which its package's install script downloads. @param {string} name @param {string} device @returns {Promise<Loaded>} */
async function loadNode(name, device) {
  const tf = load(name, `run \`npm i ${name}@4.22.0\` with install scripts allowed, or choose \`runtime: 'wasm'\``);
  await tf.setBackend('tensorflow');
  return { tf, device: `${device}, TensorFlow ${tf.version['tensorflow'] ?? ''}`.trim() };
}

/** Dawn, and tfjs's WebGPU backend on it. Globals are set in this thread alone. @param {Options} options @returns {Promise<Loaded>} */
async function loadWebgpu({ runtime }) {
  const install = "run `npm i webgpu @tensorflow/tfjs-backend-webgpu@4.22.0`, or choose `runtime: 'wasm'`";
  const { create, globals } = await import('webgpu').catch((cause) => {
    throw new Missing(`webgpu cannot be loaded (${cause.message}); ${install}.`, { cause });
  });
  if (runtime === 'auto') await checkForGpu();
  Object.assign(globalThis, globals);
  const gpu = create([]);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: '' }, configurable: true });
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Missing(NO_ADAPTER);
  const name = nameOf(adapter.info);
  const tf = load('@tensorflow/tfjs-core', install);
  load('@tensorflow/tfjs-backend-webgpu', install);
  if (!(await tf.setBackend('webgpu')))
    throw new Missing(`tfjs's WebGPU backend does not start on ${name}; ${install}.`);
  return { tf, device: `webgpu, ${name}`, end: () => tf.removeBackend('webgpu') };
}

/** @param {Partial<Record<'description' | 'device' | 'vendor', string>>} info */
const nameOf = ({ description, device, vendor }) => description || device || vendor || 'an adapter without a name';

/**
 * Looks for a GPU in a process of its own, whose error output nobody sees: Dawn and the drivers that it asks write there what they
 * lack, which is no concern of who did not ask for WebGPU.
 */
async function checkForGpu() {
  const info = await askElsewhere(new URL('./find-adapter.js', import.meta.url));
  if (info?.found !== true) throw new Missing(NO_ADAPTER);
  const name = nameOf(info);
  if (/swiftshader|llvmpipe|basic render/i.test(`${name} ${info.architecture}`))
    throw new Missing(`The only WebGPU adapter is a software one, ${name}, which is slower than wasm.`);
}

/** What a script sends first; undefined where it ends without. @param {URL} script @returns {Promise<any>} */
function askElsewhere(script) {
  return new Promise((resolve) => {
    const child = fork(script, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], execArgv: [], timeout: PROBE_MS });
    child.once('error', () => resolve(undefined));
    child.once('exit', () => resolve(undefined));
    child.once('message', (message) => {
      child.disconnect();
      resolve(message);
    });
  });
}

/** @param {Options} options @returns {Promise<Loaded>} */
async function loadWasm({ threads }) {
  const install = 'run `npm i @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0`';
  const tf = load('@tensorflow/tfjs-core', install);
  const wasm = load('@tensorflow/tfjs-backend-wasm', install);
  /** @type {string[]} */
  const complaints = [];
  const module = await startWasmModule(Math.min(threads, MOST_THREADS), (message) => complaints.push(message));
  wasm.setThreadsCount(Math.min(threads, MOST_THREADS));
  const own = wasmKernels((kernel) => tf.getKernel(kernel, 'wasm'));
  for (const config of own) {
    tf.unregisterKernel(config.kernelName, 'wasm');
    tf.registerKernel(config);
  }
  tf.removeBackend('wasm');
  tf.registerBackend('wasm', () => new wasm.BackendWasm(module));
  if (!(await tf.setBackend('wasm')))
    throw new Missing(`tfjs's wasm backend does not start (${complaints.join(' ')}).`);
  endSpareThreads(module);
  const count = module.tfjs.getThreadsCount();
  return {
    tf,
    device: `wasm, SIMD, ${count} ${count === 1 ? 'thread' : 'threads'}`,
    complaints,
    end: () => tf.removeBackend('wasm'),
  };
}

/** @returns {Promise<Loaded>} */
async function loadCpu() {
  const install = 'run `npm i @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0`';
  const tf = load('@tensorflow/tfjs-core', install);
  load('@tensorflow/tfjs-backend-cpu', install);
  if (!(await tf.setBackend('cpu'))) throw new Missing("tfjs's cpu backend does not start.");
  return { tf, device: 'plain JavaScript, 1 thread' };
}
