import { matrix } from '@freebind/core';
import { addTo, type Rows, timesTransposed, transpose, zeros } from './rows.ts';

/** The loss of one pair in nats, and its gradients. */
export interface InfoNce {
  readonly loss: number;
  /** ∂loss/∂x and ∂loss/∂y, [n, d]. */
  readonly gradients: { readonly x: Rows; readonly y: Rows };
  /** ∂loss/∂τ. */
  readonly temperatureGradient: number;
}

/** Rows of x whose logits are there at a time, so that memory is that of x and y whatever the batch. */
const TILE = 256;

/**
 * ½ [CE(x·yᵀ/τ, i) + CE(y·xᵀ/τ, i)], the mean over rows: x and y [n, d] (METHOD of CLIP, and `ClipLoss` of open_clip).
 *
 * With logits z = x·yᵀ/τ and the softmaxes P of its rows and Q of its columns, ∂loss/∂z = (P + Q − 2·I) / 2n. Logits are
 * computed in tiles and twice: once for log Σ exp of every row and column, once more for P and Q.
 */
export function infoNce(x: Rows, y: Rows, temperature: number): InfoNce {
  const n = x.rows;
  const { ofRows, ofColumns } = logSums(x, y, temperature);
  const [xs, ys] = [zeros(n, x.cols), zeros(n, y.cols)];
  const turned = transpose(y);
  let loss = 0;
  let temperatureGradient = 0;
  for (const { start, rows, logits } of tiles(x, y, temperature)) {
    const gradient = zeros(rows.rows, n); // with respect to x·yᵀ
    for (let r = 0; r < rows.rows; r++) {
      const i = start + r;
      loss += ((ofRows[i] ?? 0) + (ofColumns[i] ?? 0) - 2 * (logits.data[r * n + i] ?? 0)) / (2 * n);
      for (let j = 0; j < n; j++) {
        const z = logits.data[r * n + j] ?? 0;
        const both = Math.exp(z - (ofRows[i] ?? 0)) + Math.exp(z - (ofColumns[j] ?? 0));
        const g = (both - (i === j ? 2 : 0)) / (2 * n);
        temperatureGradient -= (g * z) / temperature;
        gradient.data[r * n + j] = g / temperature;
      }
    }
    xs.data.set(timesTransposed(gradient, turned).data, start * x.cols);
    addTo(ys.data, timesTransposed(transpose(gradient), transpose(rows)).data);
  }
  return { loss, gradients: { x: xs, y: ys }, temperatureGradient };
}

/** log Σ exp of every row and column of the logits, the maximum taken out before the exponential, so that it cannot overflow. */
function logSums(
  x: Rows,
  y: Rows,
  temperature: number,
): { readonly ofRows: Float64Array; readonly ofColumns: Float64Array } {
  const n = x.rows;
  const ofRows = new Float64Array(n);
  const highest = new Float64Array(n).fill(-Infinity);
  const total = new Float64Array(n);
  for (const { start, rows, logits } of tiles(x, y, temperature)) {
    for (let r = 0; r < rows.rows; r++) {
      const row = logits.data.subarray(r * n, (r + 1) * n);
      const top = row.reduce((a, b) => Math.max(a, b), -Infinity);
      ofRows[start + r] = top + Math.log(row.reduce((sum, z) => sum + Math.exp(z - top), 0));
      row.forEach((z, j) => {
        const [before, after] = [highest[j] ?? 0, Math.max(highest[j] ?? 0, z)];
        total[j] = (total[j] ?? 0) * Math.exp(before - after) + Math.exp(z - after);
        highest[j] = after;
      });
    }
  }
  return { ofRows, ofColumns: highest.map((top, j) => top + Math.log(total[j] ?? 0)) };
}

/** The logits of `TILE` rows of x at a time. */
function* tiles(
  x: Rows,
  y: Rows,
  temperature: number,
): Generator<{ readonly start: number; readonly rows: Rows; readonly logits: Rows }> {
  for (let start = 0; start < x.rows; start += TILE) {
    const end = Math.min(start + TILE, x.rows);
    const rows = matrix(end - start, x.cols, x.data.subarray(start * x.cols, end * x.cols));
    const logits = timesTransposed(rows, y);
    for (let i = 0; i < logits.data.length; i++) logits.data[i] = (logits.data[i] ?? 0) / temperature;
    yield { start, rows, logits };
  }
}
