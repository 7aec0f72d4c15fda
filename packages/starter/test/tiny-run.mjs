// A quickstart of a few steps, as a process of its own, so that it can be killed: node tiny-run.mjs OUT [STAGE TO DIE IN]
import { freebind } from '@freebind/core';
import { quickstart } from '@freebind/starter';

const [out, dieIn] = process.argv.slice(2);
const settings = {
  steps: { unified: 6, experts: 6, supervised: 0 },
  bond: { heads: ['T'], batch: 512, hidden: 32, temperature: 0.05, epochs: { displacement: 1, combination: 1 } },
  controls: { sevenHeads: 0, disjoint: 3, direct: 0, alone: 0 },
  resamples: 20,
};
const freebinding = await freebind({ backend: ['@freebind/backend-onnx', { threads: 1 }] });
await quickstart({
  out,
  backend: await freebinding.backend(),
  seed: 3,
  settings,
  onEvent: ({ name, event }) => {
    // In the middle of the stage: it has told of itself.
    if (name === dieIn && event !== undefined) process.kill(process.pid, 'SIGKILL');
  },
});
await freebinding.close();
