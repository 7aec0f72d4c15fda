import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
/** Of lib.dom, which the workspace does not use. @type {any} */
const { WebAssembly } = /** @type {any} */ (globalThis);
const OUT = '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd';

/** The pool that tfjs's build of the module starts; no more threads can run. */
export const MOST_THREADS = 8;

/**
 * tfjs's wasm module with SIMD and threads, which tfjs itself starts in browsers only: in Node it takes the module without
 * threads (tensorflow/tfjs issue 3830). What stands in the way is loading: threads are started from a blob: URL, which Node's
 * Worker does not take, and of the machine's cores every second is left idle. Both are decided by hooks of Emscripten.
 *
 * @param {number} threads
 * @param {(message: string) => void} complain what the module writes to its error output: kernels that fail do that and no more
 */
export async function startWasmModule(threads, complain) {
  // Emscripten's factory, of which tfjs publishes no types.
  const factory = require(`${OUT}.js`);
  const compiled = await WebAssembly.compile(await readFile(require.resolve(`${OUT}.wasm`)));
  const thread = fileURLToPath(new URL('./wasm-thread.js', import.meta.url));
  const module = await factory({
    locateFile: (/** @type {string} */ path, /** @type {string} */ folder) =>
      path.endsWith('.worker.js') ? thread : folder + path,
    instantiateWasm: (/** @type {any} */ imports, /** @type {(instance: unknown, module: unknown) => void} */ done) => {
      // The module halves what it is told, taking it for hyperthreads, and uses no more (tfjs-backend-wasm/src/cc/backend.cc).
      imports.env.emscripten_num_logical_cores = () => 2 * threads;
      const instance = new WebAssembly.Instance(compiled, imports);
      done(instance, compiled);
      return instance.exports;
    },
    print: complain,
    printErr: complain,
  });
  // As `init` of tfjs-backend-wasm/src/backend_wasm.ts names them.
  module.tfjs = {
    init: module.cwrap('init', null, []),
    initWithThreadsCount: module.cwrap('init_with_threads_count', null, ['number']),
    getThreadsCount: module.cwrap('get_threads_count', 'number', []),
    registerTensor: module.cwrap('register_tensor', null, ['number', 'number', 'number']),
    disposeData: module.cwrap('dispose_data', null, ['number']),
    dispose: module.cwrap('dispose', null, []),
  };
  // A full heap gives address 0, where tfjs would go on to write; and sizes are 32 bits, of which 4 GiB leave none.
  module._free(module._malloc(1)); // the first call puts the function itself in the place of what loads it
  const allocate = module._malloc;
  module._malloc = (/** @type {number} */ bytes) => {
    const address = bytes < 2 ** 32 ? allocate(bytes) : 0;
    if (address === 0 && bytes > 0)
      throw new Error(
        `the wasm runtime's memory, 4 GiB at most, has no ${Math.ceil(bytes / 2 ** 20)} MiB left; take a smaller batch, or a runtime with more memory`,
      );
    return address;
  };
  return module;
}

/** Ends the threads of the pool that no kernel will use. @param {any} module */
export function endSpareThreads(module) {
  for (const worker of module.PThread.unusedWorkers) void worker.terminate();
  module.PThread.unusedWorkers = [];
}
