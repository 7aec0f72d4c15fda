import { type Rows, timesTransposed, transpose, zeros } from './rows.ts';

/** The loss of one pair in nats, and its gradients. */
export interface InfoNce {
  readonly loss: number;
  /** ∂loss/∂x and ∂loss/∂y, [n, d]. */
  readonly gradients: { readonly x: Rows; readonly y: Rows };
  /** ∂loss/∂τ. */
  readonly temperatureGradient: number;
}

/**
 * ½ [CE(x·yᵀ/τ, i) + CE(y·xᵀ/τ, i)], the mean over rows: x and y [n, d] (METHOD of CLIP, and `ClipLoss` of open_clip).
 *
 * With logits z = x·yᵀ/τ and the softmaxes P of its rows and Q of its columns, ∂loss/∂z = (P + Q − 2·I) / 2n.
 */
export function infoNce(x: Rows, y: Rows, temperature: number): InfoNce {
  const n = x.rows;
  const logits = timesTransposed(x, y);
  for (let i = 0; i < logits.data.length; i++) logits.data[i] = (logits.data[i] ?? 0) / temperature;
  const byRow = softmaxRows(logits);
  const byColumn = softmaxRows(transpose(logits));

  let loss = 0;
  let temperatureGradient = 0;
  const gradient = zeros(n, n);
  for (let i = 0; i < n; i++) {
    loss += ((byRow.logSums[i] ?? 0) + (byColumn.logSums[i] ?? 0) - 2 * (logits.data[i * n + i] ?? 0)) / (2 * n);
    for (let j = 0; j < n; j++) {
      const both = (byRow.softmax.data[i * n + j] ?? 0) + (byColumn.softmax.data[j * n + i] ?? 0);
      const g = (both - (i === j ? 2 : 0)) / (2 * n);
      temperatureGradient -= (g * (logits.data[i * n + j] ?? 0)) / temperature;
      gradient.data[i * n + j] = g / temperature; // with respect to x·yᵀ
    }
  }
  return {
    loss,
    gradients: { x: timesTransposed(gradient, transpose(y)), y: timesTransposed(transpose(gradient), transpose(x)) },
    temperatureGradient,
  };
}

/** Softmax of each row and log Σ exp, the row's maximum taken out before the exponential, so that it cannot overflow. */
function softmaxRows({ rows, cols, data }: Rows): { readonly softmax: Rows; readonly logSums: Float64Array } {
  const softmax = zeros(rows, cols);
  const logSums = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    const row = data.subarray(r * cols, (r + 1) * cols);
    const max = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const exps = row.map((v) => Math.exp(v - max));
    const total = exps.reduce((a, b) => a + b, 0);
    softmax.data.set(
      exps.map((v) => v / total),
      r * cols,
    );
    logSums[r] = max + Math.log(total);
  }
  return { softmax, logSums };
}
