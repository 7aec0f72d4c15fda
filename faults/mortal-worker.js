// Preloaded into freebind's process, and by it into its threads (`node --import`): a thread ends of an error at the
// FAULT_DIES_AT-th call that it is sent, as it does when the runtime in it finds its device gone. With FAULT_COUNT, a file, the
// calls are counted into it instead.
import { writeFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';

const { FAULT_DIES_AT, FAULT_COUNT } = process.env;

if (parentPort !== null) {
  let calls = 0;
  const on = parentPort.on.bind(parentPort);
  parentPort.on = (event, listener) =>
    on(event, (...message) => {
      calls++;
      if (FAULT_COUNT !== undefined) writeFileSync(FAULT_COUNT, String(calls));
      if (event === 'message' && calls === Number(FAULT_DIES_AT)) throw new Error('the device is gone');
      listener(...message);
    });
}
