import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getHeapStatistics } from 'node:v8';
import { isFreebindError } from '@freebind/core';
import * as fc from 'fast-check';
import type { Reader } from './reader.ts';

/** Longest that reading one input may take, in processor time: a machine that does other things takes longer by the clock. */
const LONGEST_MS = 1000;
/** Most that reading may allocate, in bytes of memory a byte of input. */
const MOST_TIMES = 10;
/**
 * What reading an input of no bytes may allocate: promises, an error with its stack, a schema's issues, a block of 64 KiB that
 * zip directories are read by. The largest that was seen for inputs of under 100 bytes is 0.7 MiB.
 */
export const FIXED_BYTES = 2 * 2 ** 20;
/** An input that is slow or large once may have met the garbage collector or another process; it counts if it is so each time. */
const TRIES = 3;

/** What inputs gave, in all. */
export interface Batch {
  /** By outcome: `read`, or the code of a refusal. */
  readonly ends: Record<string, number>;
  slowestMs: number;
  /** Most bytes that were allocated beyond what the input's size allows; negative is within it. */
  largest: number;
}

/** Reads inputs and checks what must hold for every file in the world. Throws with the input, made small, when it does not. */
export async function fuzz(
  reader: Reader,
  { inputs, seed, folder }: { readonly inputs: number; readonly seed: number; readonly folder: string },
): Promise<Batch> {
  const batch: Batch = { ends: {}, slowestMs: 0, largest: -Infinity };
  const path = join(folder, `input.${reader.extension}`);
  const property = fc.asyncProperty(reader.inputs, async (bytes) => {
    writeFileSync(path, bytes);
    for (let tries = 1; ; tries++) {
      const { end, ms, allocated } = await readOnce(reader, path);
      const beyond = allocated - MOST_TIMES * bytes.length - (reader.fixedBytes ?? FIXED_BYTES);
      if ((ms > LONGEST_MS || beyond > 0) && tries < TRIES) continue;
      if (ms > LONGEST_MS) throw new Error(`took ${Math.round(ms)} ms, ${TRIES} times`);
      if (beyond > 0) throw new Error(`allocated ${allocated} bytes for a file of ${bytes.length}, ${TRIES} times`);
      batch.ends[end] = (batch.ends[end] ?? 0) + 1;
      batch.slowestMs = Math.max(batch.slowestMs, ms);
      batch.largest = Math.max(batch.largest, beyond);
      return;
    }
  });
  const before = readdirSync(folder).filter((name) => !name.startsWith('input.'));
  await fc.assert(property, { numRuns: inputs, seed });
  rmSync(path, { force: true });
  const after = readdirSync(folder).filter((name) => !name.startsWith('input.'));
  if (before.join() !== after.join())
    throw new Error(`Files were written: ${after.join(', ')} where ${before.join(', ')} was`);
  if ('FUZZ_RAN' in globalThis) throw new Error('Code in an input was run.');
  return batch;
}

async function readOnce(
  reader: Reader,
  path: string,
): Promise<{ readonly end: string; readonly ms: number; readonly allocated: number }> {
  const [memory, start] = [used(), process.cpuUsage()];
  const end = await reader.read(path).then(
    () => 'read',
    (error: unknown) => {
      if (isFreebindError(error)) return error.code;
      throw error;
    },
  );
  const { user, system } = process.cpuUsage(start); // microseconds, of all threads
  return { end, ms: (user + system) / 1000, allocated: used() - memory };
}

/** Bytes on the heap and in buffers outside of it, dead ones included until they are collected. */
function used(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}
