import { type FreebindError, isFreebindError } from '@freebind/core';
import type { GraphContract } from './contract.ts';
import { type Example, exampleFeeds, oneRow } from './example-feeds.ts';
import { OnnxEncoder, type OnnxEncoderOptions } from './onnx-encoder.ts';

/** One thing that a graph must be or do, and whether it is so. */
export interface GraphFinding {
  readonly requirement: string;
  readonly ok: boolean;
  /** What was found. */
  readonly found: string;
}

/** Rows of the trial run: three texts of different lengths, and flags of both kinds. */
const ROWS = 3;

/**
 * Longest difference, by the row's length, between a row alone and in a batch. Another batch lets onnxruntime sum in another order:
 * a dot product of k ≤ 12,800 float32 terms then differs by about 2⁻²⁴·√k ≈ 7e-6 of its size, and 48 layers, the most of any
 * encoder here, add up as a random walk to √48 · 2 products · 7e-6 ≈ 1e-4. Ten times that is allowed; a graph in which a batch was
 * baked, a row's neighbours are seen, or dropout is on, differs by tenths.
 */
const BATCH_TOLERANCE = 1e-3;
/** Two rows that are more alike than rounding can make them show a graph that does not look at its input. */
const SAME_TOLERANCE = 1e-6;

/**
 * Holds a graph against its contract and tries it: names, types and dimensions of inputs and output, a run on example inputs,
 * finite rows, rows that differ where the inputs do, and rows that do not depend on their batch.
 *
 * @throws FREEBIND_ABORTED, FREEBIND_BACKEND_FAILED when there is not enough memory; everything else is a finding
 */
export async function proveGraph(
  path: string,
  contract: GraphContract,
  options: Pick<OnnxEncoderOptions, 'device' | 'threads'> & {
    readonly examples?: Readonly<Record<string, Example | undefined>>;
  } = {},
): Promise<readonly GraphFinding[]> {
  const { examples = {}, ...placement } = options;
  const encoder = new OnnxEncoder({ ...placement, path: async () => path, contract });
  const findings: GraphFinding[] = [];
  const find = (requirement: string, ok: boolean, found: string): boolean => {
    findings.push({ requirement, ok, found });
    return ok;
  };
  try {
    const loads = `takes ${showPorts(contract)} and gives ${contract.output} [rows, ${contract.dimension}]`;
    const refused = await failureOf(encoder.load());
    if (!find(loads, refused === undefined, refused?.message ?? 'so it does')) return findings;

    const feeds = exampleFeeds(contract, examples, ROWS);
    const runs = `runs on ${ROWS} rows at once`;
    const batch = await encoder.run(feeds).catch((error: unknown) => asFinding(error));
    if ('code' in batch) {
      find(runs, false, batch.message);
      return findings;
    }
    find(runs, batch.dims[0] === ROWS, `[${batch.dims.join(', ')}] came out`);
    const rows = Array.from({ length: ROWS }, (_, i) =>
      batch.data.slice(i * contract.dimension, (i + 1) * contract.dimension),
    );
    const lengths = rows.map((row) => Math.hypot(...row));
    const finite = lengths.every((length) => Number.isFinite(length) && length > 0);
    if (
      !find('gives finite rows that are not zero', finite, `lengths ${lengths.map((x) => x.toPrecision(4)).join(', ')}`)
    )
      return findings;

    const alike = Math.min(distance(rows[0], rows[1]), distance(rows[1], rows[2]), distance(rows[0], rows[2]));
    find(
      'gives different rows for different inputs',
      alike > SAME_TOLERANCE,
      `the two nearest differ by ${alike.toExponential(1)} of their length`,
    );

    const alone = `gives a row alone as in a batch, within ${BATCH_TOLERANCE} of its length`;
    let worst = 0;
    for (const [i, row] of rows.entries()) {
      const single = await encoder.run(oneRow(feeds, i)).catch((error: unknown) => asFinding(error));
      if ('code' in single) {
        find(alone, false, single.message);
        return findings;
      }
      worst = Math.max(worst, distance(row, single.data));
    }
    find(alone, worst <= BATCH_TOLERANCE, `they differ by ${worst.toExponential(1)}`);
    return findings;
  } finally {
    await encoder.close();
  }
}

/** ‖a − b‖ / ‖a‖; infinite for rows of different widths. */
function distance(a: Float32Array | undefined, b: Float32Array | undefined): number {
  if (a === undefined || b === undefined || a.length !== b.length) return Number.POSITIVE_INFINITY;
  return Math.hypot(...a.map((x, i) => x - (b[i] ?? Number.NaN))) / Math.hypot(...a);
}

async function failureOf(work: Promise<void>): Promise<FreebindError | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => asFinding(error),
  );
}

/** What is said of the graph; what is said of the machine is thrown on. */
function asFinding(error: unknown): FreebindError {
  if (isFreebindError(error) && error.code !== 'FREEBIND_ABORTED') return error;
  throw error;
}

function showPorts({ inputs }: GraphContract): string {
  return Object.entries(inputs)
    .map(([name, { type, dims }]) => `${name} ${type} [${dims.join(', ')}]`)
    .join(', ');
}
