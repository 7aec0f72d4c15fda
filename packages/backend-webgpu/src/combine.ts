import { FreebindError, type Matrix, matrix, sliceRows } from '@freebind/core';
import type { Engine } from './engine.ts';
import { normalise } from './kernels/normalise.ts';
import { weightedSum } from './kernels/weighted-sum.ts';
import { Memory, write } from './memory.ts';
import { Plan, submitAndRead } from './plan.ts';

/** Numbers of one part in one submission: 16 MiB. */
const TILE_NUMBERS = 2 ** 22;

/** One part of a combination. */
export interface Part {
  readonly rows: Matrix;
  readonly factor: number;
}

/** normalise(Σ factorᵢ · partᵢ), row by row. @throws FREEBIND_SHAPE_MISMATCH */
export async function combine(engine: Engine, parts: readonly Part[], check: () => void): Promise<Matrix> {
  const shapes = parts.map(({ rows }) => `[${rows.rows}, ${rows.cols}]`);
  const [first] = parts;
  if (first === undefined || new Set(shapes).size > 1) {
    throw new FreebindError(
      'FREEBIND_SHAPE_MISMATCH',
      `Parts of shapes ${shapes.join(', ') || 'none'} were given to combine; give at least one, all of one shape.`,
    );
  }
  const { rows, cols } = first.rows;
  const out = matrix(rows, cols);
  const tile = Math.max(1, Math.floor(TILE_NUMBERS / Math.max(1, cols)));
  for (let start = 0; start < rows; start += tile) {
    check();
    const end = Math.min(start + tile, rows);
    const sliced = parts.map((part) => ({ ...part, rows: sliceRows(part.rows, start, end) }));
    out.data.set(await combineTile(engine, sliced), start * cols);
  }
  return out;
}

async function combineTile({ device, tiles }: Engine, parts: readonly Part[]): Promise<Float32Array> {
  const memory = new Memory(device);
  const plan = new Plan(device, tiles);
  try {
    const combined = await device.guard('A combination', () => {
      const { rows, cols } = parts[0]?.rows ?? { rows: 0, cols: 0 };
      const sum = memory.take('sum', rows, cols);
      parts.forEach(({ rows: part, factor }, i) => {
        const x = memory.take('part', rows, cols);
        write(device, x, part.data);
        weightedSum(plan, { a: factor, x, sum, fresh: i === 0 });
      });
      const unit = memory.take('combined', rows, cols);
      normalise(plan, sum, unit, memory.take('norms', 1, rows));
      return unit;
    });
    await plan.prepare();
    const [bytes] = await submitAndRead(device, plan, [combined]);
    return new Float32Array(bytes ?? new ArrayBuffer(0));
  } finally {
    plan.close();
    memory.close();
  }
}
