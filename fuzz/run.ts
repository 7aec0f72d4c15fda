import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Reader } from './reader.ts';
import { READERS } from './readers.ts';
import { type Batch, FIXED_BYTES } from './trial.ts';

/** Inputs that are made from one seed, in one go, where a reader says no other number. */
const BATCH = 2000;
/** A batch that says nothing for so long hangs, however slow the machine: 60 ms an input, when they take less than one. */
const SILENCE_MS = 120_000;

const { values } = parseArgs({
  options: {
    reader: { type: 'string', multiple: true },
    inputs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
    help: { type: 'boolean', default: false },
  },
});
const readers = READERS.filter(({ name }) => values.reader?.includes(name) ?? true);

if (values.help || readers.length < (values.reader?.length ?? 0)) {
  console.error(`usage: npm run fuzz -- [--reader NAME]… [--inputs N] [--seed N] [--from BATCH]

  --reader  ${READERS.map(({ name }) => name).join(', ')}; default all
  --inputs  for each reader (default 1000000), in batches of ${BATCH}, of slow readers of fewer
  --seed    batch i is made from seed + i (default 1)
  --from    go on with this batch, which a run that was stopped has named`);
  process.exitCode = values.help ? 0 : 2;
} else {
  for (const reader of readers) if (!(await fuzzReader(reader))) process.exitCode = 1;
}

/** Runs all batches of a reader in a process that may do nothing but read; true if all was well. */
async function fuzzReader(reader: Reader): Promise<boolean> {
  const [seed, from] = [Number(values.seed), Number(values.from)];
  const { batch = BATCH } = reader;
  const batches = Math.ceil(Number(values.inputs) / batch) - from;
  // Memory in place of a disk, where there is some: every input is a file.
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'freebind-fuzz-'));
  const child = fileURLToPath(new URL('child.js', import.meta.url));
  const args = [reader.name, seed, from, batches, batch, folder].map(String);
  const process_ = spawn(
    process.execPath,
    [...guards(folder), ...(reader.native === true ? ['--allow-addons'] : []), child, ...args],
    {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      env: { ...process.env, NODE_NO_WARNINGS: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const all: Batch = { ends: {}, slowestMs: 0, largest: -Infinity };
  let failed: string | undefined;
  let done = 0;
  const started = performance.now();
  let silent = setTimeout(hangs, SILENCE_MS);
  function hangs(): void {
    failed = `batch ${from + done} (--seed ${seed} --from ${from + done}) hangs; its input is ${folder}/input.${reader.extension}`;
    process_.kill('SIGKILL');
  }
  for await (const line of createInterface(process_.stdout)) {
    clearTimeout(silent);
    silent = setTimeout(hangs, SILENCE_MS);
    const told = JSON.parse(line) as Batch & { readonly batch: number; readonly failed?: string }; // our own child's
    if (told.failed !== undefined) {
      failed = `batch ${told.batch} (--seed ${seed} --from ${told.batch}): ${told.failed}`;
      break;
    }
    for (const [end, times] of Object.entries(told.ends)) all.ends[end] = (all.ends[end] ?? 0) + times;
    all.slowestMs = Math.max(all.slowestMs, told.slowestMs);
    all.largest = Math.max(all.largest, told.largest);
    done++;
    if (process.stderr.isTTY || done % 50 === 0) {
      const left = ((performance.now() - started) / done) * (batches - done);
      process.stderr.write(
        `${reader.name}: batch ${told.batch + 1} of ${from + batches}, ${Math.round(left / 1000)} s left\n`,
      );
    }
  }
  clearTimeout(silent);
  if (failed === undefined && done < batches)
    failed = `the process ended after batch ${from + done - 1}, without a word`;
  const ends = Object.entries(all.ends).map(([end, times]) => `${times} ${end}`);
  const beyond = ((all.largest + (reader.fixedBytes ?? FIXED_BYTES)) / 2 ** 20).toFixed(2);
  console.log(
    `${reader.name}, seed ${seed}: ${done * batch} inputs: ${ends.join(', ')}; slowest ${all.slowestMs.toFixed(0)} ms; at most ${beyond} MiB beyond ten times the file`,
  );
  if (failed !== undefined) console.error(`${reader.name} FAILED: ${failed}`);
  else rmSync(folder, { recursive: true, force: true });
  return failed === undefined;
}

/** Node's permission model, under its name of this version, and no code made of text. */
function guards(folder: string): readonly string[] {
  const stable = process.allowedNodeEnvironmentFlags.has('--permission');
  return [
    stable ? '--permission' : '--experimental-permission',
    '--allow-fs-read=*',
    `--allow-fs-write=${folder}/*`,
    '--disallow-code-generation-from-strings',
  ];
}
