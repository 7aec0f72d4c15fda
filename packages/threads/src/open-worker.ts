import { Worker, type WorkerOptions } from 'node:worker_threads';

/** Bit of a gate: the process ends, and no more native code is to begin. `native.js` counts what runs in the bits above. */
const CLOSED = 1;
/** How long the end of a process waits for native code, in milliseconds: several times the longest training step that was measured. */
const LONGEST_MS = 60_000;

/** Of the threads that are open. They share one listener, because Node warns of more than ten. */
const gates = new Set<Int32Array>();

/**
 * A worker thread whose native code, as far as it runs within `native`, is not cut off by `process.exit`: that would end the process
 * with SIGABRT instead of its own status. Node waits for such a thread in any case, so waiting for it first takes no longer.
 */
export function openWorker(
  script: URL,
  { workerData, ...options }: Omit<WorkerOptions, 'workerData'> & { readonly workerData?: object } = {},
): Worker {
  const gate = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const worker = new Worker(script, { ...options, workerData: { ...workerData, gate } });
  if (gates.size === 0) process.on('exit', closeGates);
  gates.add(gate);
  worker.once('exit', () => {
    gates.delete(gate);
    if (gates.size === 0) process.off('exit', closeGates);
  });
  return worker;
}

function closeGates(): void {
  for (const gate of gates) Atomics.or(gate, 0, CLOSED);
  const end = performance.now() + LONGEST_MS;
  for (const gate of gates) {
    for (let value = Atomics.load(gate, 0); value !== CLOSED; value = Atomics.load(gate, 0))
      if (Atomics.wait(gate, 0, value, end - performance.now()) === 'timed-out') return;
  }
}
