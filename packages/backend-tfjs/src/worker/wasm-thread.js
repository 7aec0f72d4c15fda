// One thread of tfjs's wasm module: the code that tfjs publishes as a text, to be started from a blob: URL in browsers.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { compileFunction } from 'node:vm';

const require = createRequire(import.meta.url);
const source = '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.worker.js';
// Line ends inside of its strings have become line ends of the code, as tfjs's own `init` knows.
const code = require(source).wasmWorkerContents.replaceAll('\n', '\\n');
compileFunction(code, ['require', '__filename'])(require, fileURLToPath(import.meta.url));
