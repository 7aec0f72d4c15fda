// The process of one backend: started by run.ts, so that its memory is its own.
import { readFile, writeFile } from 'node:fs/promises';
import { type BackendChoice, type ConfiguredPlugin, freebind, measureBackend, readBackendChoice } from '@freebind/core';
import { answerLines } from './conversation.ts';
import type { OpenAt, Size, Work } from './task.ts';
import { taskOf } from './tasks/index.ts';

const [choice = '"onnx"', threads = '1'] = process.argv.slice(2);
const chosen = JSON.parse(choice) as Exclude<BackendChoice, ConfiguredPlugin>; // what run.ts wrote
const { package: name, options } = readBackendChoice(chosen);
const starting = freebind({ backend: [name, { ...options, threads: Number(threads) }] });
starting.catch(() => undefined); // told to whoever asks
let work: Work | undefined;

await answerLines(async (request) => {
  const backend = await (await starting).backend();
  switch (request['do']) {
    case 'measure':
      return { manifest: backend.manifest, rates: await measureBackend(backend) };
    case 'open': {
      // As `run.ts` takes them from the task's own lists.
      const at: OpenAt = { threads: Number(threads), files: request['files'] as OpenAt['files'] };
      work = await taskOf(String(request['task'])).open(backend, request['size'] as Size, at);
      await forgetPeak();
      return { name: `${backend.manifest.id} (${backend.manifest.device})`, mib: process.memoryUsage().rss / 2 ** 20 };
    }
    case 'run': {
      if (work === undefined) throw new Error('Nothing is open.');
      const start = performance.now();
      const check = await work.run();
      return { ms: performance.now() - start, ...(check !== undefined && { check }) };
    }
    default:
      return { mib: await peakMiB() };
  }
});
await work?.close();
await starting.then((fb) => fb.close()).catch(() => undefined);

/** Linux counts a process's most memory anew after this; elsewhere the making of inputs is counted in. */
async function forgetPeak(): Promise<void> {
  await writeFile('/proc/self/clear_refs', '5').catch(() => undefined);
}

async function peakMiB(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const [, kib = process.resourceUsage().maxRSS] = /VmHWM:\s+(\d+) kB/.exec(status) ?? [];
  return Number(kib) / 1024;
}
