// The process of one backend, or of a task that needs none: started by run.ts, so that its memory is its own.
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { type BackendChoice, type ConfiguredPlugin, freebind, measureBackend, readBackendChoice } from '@freebind/core';
import { answerLines } from './conversation.ts';
import { countsItems, type OpenAt, type Size, type Work } from './task.ts';
import { taskOf } from './tasks/index.ts';
import { timeLeft } from './time-left.ts';

const [choice = 'null', threads = '1'] = process.argv.slice(2);
const chosen = JSON.parse(choice) as Exclude<BackendChoice, ConfiguredPlugin> | null; // what contenders.ts wrote
const starting = chosen === null ? freebind() : start(chosen);
starting.catch(() => undefined); // told to whoever asks
let work: Work | undefined;

await answerLines(async (request) => {
  switch (request['do']) {
    case 'measure': {
      const backend = await (await starting).backend();
      return { manifest: backend.manifest, rates: await measureBackend(backend) };
    }
    case 'open': {
      // As `run.ts` takes them from the task's own lists.
      const at: OpenAt = { threads: Number(threads), files: request['files'] as OpenAt['files'] };
      const [task, size] = [taskOf(String(request['task'])), request['size'] as Size];
      let name = `freebind, ${threads} workers`;
      if (countsItems(task)) work = await task.open(size, at);
      else {
        const backend = await (await starting).backend();
        work = await task.open(backend, size, at);
        name = `${backend.manifest.id} (${backend.manifest.device})`;
      }
      await forgetPeak();
      return { name, mib: process.memoryUsage().rss / 2 ** 20 };
    }
    case 'run': {
      if (work === undefined) throw new Error('Nothing is open.');
      const [cpu, start] = [process.cpuUsage(), performance.now()];
      const check = await work.run(timeLeft());
      const ms = performance.now() - start;
      const { user, system } = process.cpuUsage(cpu); // of all threads, in µs
      return {
        ms,
        busy: (user + system) / 1000 / (ms * availableParallelism()),
        ...(check !== undefined && { check }),
      };
    }
    default:
      return { mib: await peakMiB() };
  }
});
await work?.close();
await starting.then((fb) => fb.close()).catch(() => undefined);

function start(backend: Exclude<BackendChoice, ConfiguredPlugin>): ReturnType<typeof freebind> {
  const { package: name, options } = readBackendChoice(backend);
  return freebind({ backend: [name, { ...options, threads: Number(threads) }] });
}

/** Linux counts a process's most memory anew after this; elsewhere the making of inputs is counted in. */
async function forgetPeak(): Promise<void> {
  await writeFile('/proc/self/clear_refs', '5').catch(() => undefined);
}

async function peakMiB(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const [, kib = process.resourceUsage().maxRSS] = /VmHWM:\s+(\d+) kB/.exec(status) ?? [];
  return Number(kib) / 1024;
}
