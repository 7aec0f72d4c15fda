import { startWebgpu } from '@freebind/backend-webgpu';
import { find, STEPS, train } from './bond.ts';

const element = (id) => document.getElementById(id);

/** Trains, finds and shows both; what comes of it is also left where a test looks for it. */
async function run() {
  const backend = await startWebgpu();
  const points = [];
  const started = performance.now();
  const { bond, losses } = await train(backend, (loss) => {
    points.push(`${(100 * points.length) / (STEPS - 1)},${100 - 12 * loss}`);
    element('losses').setAttribute('points', points.join(' '));
    element('status').textContent =
      `Step ${points.length} of ${STEPS} on ${backend.manifest.device}: loss ${loss.toFixed(3)}`;
  });
  const found = await find(backend, bond);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  await backend.close();
  element('status').textContent = `${STEPS} steps on ${backend.manifest.device}, ${seconds} s with all that is below.`;
  element('result').textContent =
    `The nearest of ${found.carried.rows} unseen items is the right one for ${Math.round(100 * found.recallAt1)} % of them; chance is ${(100 / found.carried.rows).toFixed(1)} %.`;
  return { manifest: backend.manifest, bond, losses, found };
}

globalThis.finished = run().catch((error) => {
  element('status').textContent = String(error);
  throw error;
});
