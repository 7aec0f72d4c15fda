import { dropoutKeys, isKept, type Layer, matrix } from '@freebind/core';
import { normalCdf, normalPdf } from './erf.ts';
import { batchNorm, layerNorm, normalise } from './norms.ts';
import { addTo, type Rows, timesTransposed, transpose, zeros } from './rows.ts';
import { type Arrays, arraysOf, type Pass, type Run } from './run.ts';

/** `layers` one after another: [n, in] → [n, out]. `input` is not written to. */
export function forward(layers: readonly Layer[], input: Rows, run: Run, prefix = ''): Pass {
  const passes: Pass[] = [];
  let rows = input;
  for (const layer of layers) {
    const pass = forwardLayer(layer, rows, run, prefix);
    passes.push(pass);
    rows = pass.output;
  }
  return { output: rows, backward: (gradient) => passes.reduceRight((g, pass) => pass.backward(g), gradient) };
}

function forwardLayer(layer: Layer, x: Rows, run: Run, prefix: string): Pass {
  switch (layer.kind) {
    case 'linear':
      return linear(x, layer.output, arraysOf(run, `${prefix}${layer.name}`));
    case 'batch-norm':
      return batchNorm(x, layer, arraysOf(run, `${prefix}${layer.name}`), run.training?.store);
    case 'layer-norm':
      return layerNorm(x, layer.epsilon, arraysOf(run, `${prefix}${layer.name}`));
    case 'relu':
      // Math.max, unlike a comparison, lets NaN through.
      return entrywise(
        x,
        (v) => Math.max(0, v),
        (v) => (v > 0 ? 1 : 0),
      );
    case 'gelu':
      return entrywise(
        x,
        (v) => v * normalCdf(v),
        (v) => normalCdf(v) + v * normalPdf(v),
      );
    case 'dropout':
      return dropout(x, layer.rate, run);
    case 'residual': {
      const inner = forward(layer.layers, x, run, `${prefix}${layer.name}.`);
      return {
        output: sum(x, inner.output),
        backward: (gradient) => sum(gradient, inner.backward(gradient)),
      };
    }
    case 'normalise':
      return normalise(x);
  }
}

/** y = x · Wᵀ + b. ∂W = ∂yᵀ · x, ∂b = Σ_rows ∂y, ∂x = ∂y · W. */
function linear(x: Rows, width: number, arrays: Arrays): Pass {
  const weight = matrix(width, x.cols, arrays.weight('weight'));
  const output = timesTransposed(x, weight);
  for (let r = 0; r < x.rows; r++) addTo(output.data.subarray(r * width, (r + 1) * width), arrays.weight('bias'));
  return {
    output,
    backward: (gradient) => {
      addTo(arrays.gradient('weight'), timesTransposed(transpose(gradient), transpose(x)).data);
      for (let r = 0; r < x.rows; r++)
        addTo(arrays.gradient('bias'), gradient.data.subarray(r * width, (r + 1) * width));
      return timesTransposed(gradient, transpose(weight));
    },
  };
}

/** The identity in inference. */
function dropout(x: Rows, rate: number, { training }: Run): Pass {
  if (training === undefined) return { output: x, backward: (gradient) => gradient };
  const { seed, run, dropoutLayers } = training;
  const keys = dropoutKeys({ seed, run, layer: dropoutLayers.count++, rows: x.rows, cols: x.cols, rate });
  const mask = (rows: Rows): Rows => {
    const out = zeros(rows.rows, rows.cols);
    for (let r = 0; r < rows.rows; r++)
      for (let c = 0; c < rows.cols; c++)
        if (isKept(keys, r, c)) out.data[r * rows.cols + c] = (rows.data[r * rows.cols + c] ?? 0) * keys.scale;
    return out;
  };
  return { output: mask(x), backward: mask };
}

function entrywise(x: Rows, f: (v: number) => number, derivative: (v: number) => number): Pass {
  return {
    output: matrix(x.rows, x.cols, x.data.map(f)),
    backward: (gradient) =>
      matrix(
        x.rows,
        x.cols,
        gradient.data.map((g, i) => g * derivative(x.data[i] ?? 0)),
      ),
  };
}

function sum(a: Rows, b: Rows): Rows {
  return matrix(
    a.rows,
    a.cols,
    a.data.map((v, i) => v + (b.data[i] ?? 0)),
  );
}
