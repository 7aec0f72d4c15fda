import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { freebind, initialise, matrix, type Matrix, projector, random, type Table, tableOf } from '@freebind/core';
import { createNpy, openNpy } from '@freebind/core/files';
import { ADAM, train } from '@freebind/core/training';
import type { Finding } from './findings.ts';
import { median, pairedRatio, spread } from './harness.ts';
import type { Found } from './results.ts';
import { unitRowsOf } from './tasks/inputs.ts';

/** FreeBind's step, and tables beyond what a run holds in memory (512 MiB of float32); and a step so small that reading shows. */
const SIZES = [
  { batch: 4096, input: 1024, hidden: 2048, output: 768, rows: 110_592, segment: 9, segments: 3 },
  { batch: 512, input: 512, hidden: 512, output: 256, rows: 200_000, segment: 40, segments: 4 },
];
type Size = (typeof SIZES)[number];

/** Steps a second of training from float16 tables on disk, over those from the same rows in memory. */
export async function reading({ smallest }: { readonly smallest: boolean }): Promise<Found> {
  const findings: Finding[] = [];
  for (const size of smallest ? SIZES.slice(1) : SIZES) {
    const folder = await mkdtemp(join(tmpdir(), 'freebind-bench-reading-'));
    try {
      findings.push(await measure(size, folder));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return { findings };
}

async function measure(size: Size, folder: string): Promise<Finding> {
  const { batch, input, hidden, output, segment, segments } = size;
  const files = {
    source: await write(folder, 'source', size.rows, input),
    target: await write(folder, 'target', size.rows, output),
  };
  const [source, target] = [await openNpy(files.source), await openNpy(files.target)];
  const held = {
    source: tableOf(await source.read(0, source.rows)),
    target: tableOf(await target.read(0, target.rows)),
  };
  const fb = await freebind({ backend: ['onnx', { threads: availableParallelism() }] });
  try {
    const backend = await fb.backend();
    const start = (tables: Readonly<Record<string, Table>>, fromFiles: boolean): ReturnType<typeof train> =>
      train({
        stage: 'reading',
        backend,
        networks: { p: initialise(projector({ input, hidden, output }), random('bench'), 'xavier') },
        tables,
        fromFiles,
        objective: {
          pairs: [{ left: { table: 'source', network: 'p' }, right: { table: 'target' } }],
          temperature: { initial: 0.02 },
        },
        optimizer: ADAM,
        rate: { kind: 'constant', rate: 1e-3 },
        epochs: 100,
        batch,
        seed: 1,
      });
    const runs = [start(held, false), start({ source, target }, true)];
    const times: number[][] = [[], []];
    // A segment is longer than reading the next window takes, so that no run reads in the other's time.
    for (let round = -1; round < segments; round++) {
      for (const [i, run] of runs.entries()) {
        const ms = await steps(run, segment);
        if (round >= 0) times[i]?.push(ms / segment);
      }
    }
    for (const run of runs)
      await run.return({ networks: {}, temperature: 1, losses: new Float64Array(0), trainedOn: [] });
    const [memory = [], disk = []] = times;
    return {
      script: 'reading',
      what: `batch ${batch}, ${input} → ${hidden} → ${output}`,
      backend: backend.manifest.id,
      figures: {
        'a step in memory, ms': median(memory),
        'from disk, ms': median(disk),
        '±, %': 50 * spread(disk),
        'rate from disk, %': 100 * pairedRatio(memory, disk),
        'at least, %': 90,
      },
    };
  } finally {
    await fb.close();
    await source.close();
    await target.close();
  }
}

/** Milliseconds of the next `count` steps of a run. */
async function steps(run: ReturnType<typeof train>, count: number): Promise<number> {
  const start = performance.now();
  for (let done = 0; done < count;) {
    const { value, done: ended } = await run.next();
    if (ended === true) throw new Error('The run ended before it was measured.');
    if (value.type === 'step') done++;
  }
  return performance.now() - start;
}

/** Unit rows as float16: one tile again and again, as drawing millions of normals takes minutes, each time shifted by a column. */
async function write(folder: string, name: string, rows: number, cols: number): Promise<string> {
  const path = join(folder, `${name}.npy`);
  const tile = unitRowsOf(4096, cols, name);
  const writer = await createNpy(path, { cols, dtype: 'f2' });
  try {
    for (let start = 0; start < rows; start += tile.rows)
      await writer.append(shifted(tile, Math.min(tile.rows, rows - start), start / tile.rows));
    await writer.commit();
  } finally {
    await writer.discard();
  }
  return path;
}

/** The first `rows` rows, their columns turned by `by`. */
function shifted({ cols, data }: Matrix, rows: number, by: number): Matrix {
  const out = matrix(rows, cols);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < cols; c++) out.data[r * cols + ((c + by) % cols)] = data[r * cols + c] ?? 0;
  return out;
}
