import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Fault } from './fault.ts';
import { freebind } from './process.ts';
import { argumentsOf, type Measured } from './trial.ts';

const NODE = ['--import', fileURLToPath(new URL('mortal-worker.js', import.meta.url))];
const CODES = new Set(['FREEBIND_BACKEND_FAILED', 'FREEBIND_DEVICE_UNAVAILABLE']);

/** Calls of its worker that an undisturbed run makes, by what was measured. */
const calls = new WeakMap<Measured, number>();

export const lostDevice: Fault = {
  name: 'lost device',
  what: 'the thread in which onnxruntime computes ends at a random call, as it does when its device is gone; then resumed with a sound one.',
  backend: 'onnx',
  befalls: ({ backend }) => backend,
  run: async (trial) => {
    const { measured, at } = trial;
    const most = calls.get(measured) ?? (await countCalls(measured));
    calls.set(measured, most);
    const ended = await trial.run({ node: NODE, env: { FAULT_DIES_AT: String(1 + at.below(most)) } });
    const broken = await trial.judge(ended);
    if (broken !== undefined) return broken;
    if (ended.status === 0) return trial.compare('identical');
    const { code = 'crash' } = ended;
    return CODES.has(code) ? trial.finish(code) : { end: code, broken: ended.stderr };
  },
};

async function countCalls({ start, job, replaces, backend }: Measured): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'freebind-calls-'));
  try {
    cpSync(start, dir, { recursive: true });
    const file = join(dir, 'calls.txt');
    await freebind(dir, argumentsOf(job, { replaces }), { backend, node: NODE, env: { FAULT_COUNT: file } });
    return Number(readFileSync(file, 'utf8'));
  } finally {
    rmSync(dir, { recursive: true });
  }
}
