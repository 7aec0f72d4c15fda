import { matrix, NORM_FLOOR } from '@freebind/core';
import { type Rows, type Store, transpose, zeros } from './rows.ts';
import type { Arrays, Pass } from './run.ts';

/** Per column; see `scaleAndShift`. In training, moves the running statistics, in place and before the backward pass. */
export function batchNorm(
  x: Rows,
  { epsilon, momentum }: { readonly epsilon: number; readonly momentum: number },
  arrays: Arrays,
  store: Store | undefined,
): Pass {
  const runningMean = arrays.weight('running_mean');
  const runningVar = arrays.weight('running_var');
  const columns = transpose(x); // a column is a row here, so that both norms share their code
  if (store === undefined) {
    const normal = zeros(columns.rows, columns.cols);
    for (let c = 0; c < x.cols; c++) {
      const scale = 1 / Math.sqrt((runningVar[c] ?? 0) + epsilon);
      for (let r = 0; r < x.rows; r++)
        normal.data[c * x.rows + r] = ((columns.data[c * x.rows + r] ?? 0) - (runningMean[c] ?? 0)) * scale;
    }
    return scaleAndShift(transpose(normal), arrays);
  }
  const standard = standardise(columns, epsilon);
  for (let c = 0; c < x.cols; c++) {
    const unbiased = ((standard.variances[c] ?? 0) * x.rows) / (x.rows - 1);
    runningMean[c] = store((1 - momentum) * (runningMean[c] ?? 0) + momentum * (standard.means[c] ?? 0));
    runningVar[c] = store((1 - momentum) * (runningVar[c] ?? 0) + momentum * unbiased);
  }
  const scaled = scaleAndShift(transpose(standard.output), arrays);
  return {
    output: scaled.output,
    backward: (gradient) => transpose(standard.backward(transpose(scaled.backward(gradient)))),
  };
}

/** Per row; see `scaleAndShift`. */
export function layerNorm(x: Rows, epsilon: number, arrays: Arrays): Pass {
  const standard = standardise(x, epsilon);
  const scaled = scaleAndShift(standard.output, arrays);
  return { output: scaled.output, backward: (gradient) => standard.backward(scaled.backward(gradient)) };
}

/**
 * x̂ = (x − mean) / √(variance + ε) of each row, the variance biased.
 * ∂x = (∂x̂ − mean(∂x̂) − x̂ · mean(∂x̂ · x̂)) / √(variance + ε), because mean and variance depend on x too.
 */
function standardise(
  x: Rows,
  epsilon: number,
): Pass & { readonly means: Float64Array; readonly variances: Float64Array } {
  const { rows, cols } = x;
  const output = zeros(rows, cols);
  const means = new Float64Array(rows);
  const variances = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    const row = x.data.subarray(r * cols, (r + 1) * cols);
    const mean = row.reduce((total, v) => total + v, 0) / cols;
    const variance = row.reduce((total, v) => total + (v - mean) ** 2, 0) / cols;
    output.data.set(
      row.map((v) => (v - mean) / Math.sqrt(variance + epsilon)),
      r * cols,
    );
    means[r] = mean;
    variances[r] = variance;
  }
  const backward = (gradient: Rows): Rows => {
    const back = zeros(rows, cols);
    for (let r = 0; r < rows; r++) {
      const g = gradient.data.subarray(r * cols, (r + 1) * cols);
      const normal = output.data.subarray(r * cols, (r + 1) * cols);
      const meanG = g.reduce((total, v) => total + v, 0) / cols;
      const meanGX = g.reduce((total, v, i) => total + v * (normal[i] ?? 0), 0) / cols;
      const scale = 1 / Math.sqrt((variances[r] ?? 0) + epsilon);
      back.data.set(
        g.map((v, i) => (v - meanG - (normal[i] ?? 0) * meanGX) * scale),
        r * cols,
      );
    }
    return back;
  };
  return { output, backward, means, variances };
}

/** y = x̂ · weight + bias, by column. */
function scaleAndShift(x: Rows, arrays: Arrays): Pass {
  const weight = arrays.weight('weight');
  const bias = arrays.weight('bias');
  const { cols } = x;
  return {
    output: matrix(
      x.rows,
      cols,
      x.data.map((v, i) => v * (weight[i % cols] ?? 0) + (bias[i % cols] ?? 0)),
    ),
    backward: (gradient) => {
      const dWeight = arrays.gradient('weight');
      const dBias = arrays.gradient('bias');
      gradient.data.forEach((g, i) => {
        dWeight[i % cols] = (dWeight[i % cols] ?? 0) + g * (x.data[i] ?? 0);
        dBias[i % cols] = (dBias[i % cols] ?? 0) + g;
      });
      return matrix(
        x.rows,
        cols,
        gradient.data.map((g, i) => g * (weight[i % cols] ?? 0)),
      );
    },
  };
}

/** y = x / ‖x‖. ∂x = (∂y − y (∂y · y)) / ‖x‖; below the floor the divisor is a constant and only the division is left. */
export function normalise(x: Rows): Pass {
  const { rows, cols } = x;
  const output = zeros(rows, cols);
  const norms = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    const row = x.data.subarray(r * cols, (r + 1) * cols);
    const norm = Math.sqrt(row.reduce((total, v) => total + v * v, 0));
    output.data.set(
      row.map((v) => v / Math.max(norm, NORM_FLOOR)),
      r * cols,
    );
    norms[r] = norm;
  }
  const backward = (gradient: Rows): Rows => {
    const back = zeros(rows, cols);
    for (let r = 0; r < rows; r++) {
      const g = gradient.data.subarray(r * cols, (r + 1) * cols);
      const y = output.data.subarray(r * cols, (r + 1) * cols);
      const norm = norms[r] ?? 0;
      const along = norm < NORM_FLOOR ? 0 : g.reduce((total, v, i) => total + v * (y[i] ?? 0), 0);
      back.data.set(
        g.map((v, i) => (v - (y[i] ?? 0) * along) / Math.max(norm, NORM_FLOOR)),
        r * cols,
      );
    }
    return back;
  };
  return { output, backward };
}
