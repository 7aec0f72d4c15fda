import type { Emission, Pass } from './emission.ts';
import type { Value } from './graph.ts';
import { countRows, dotRows, type Rows, sumRows } from './rows.ts';

/**
 * Over the n rows of the batch, with c = x − mean(x), s = 1/√(mean(c²) + ε):
 *
 *     y = c · (s γ) + β        ∂β = Σ ∂y        ∂γ = s · Σ (∂y ∘ c)
 *     ∂x = s γ · (∂y − ∂β/n − c · s² · Σ (∂y ∘ c)/n)
 *
 * The mean is taken out before squaring, because rows of one modality lie in a narrow cone: their mean is far larger
 * than their spread, and E[x²] − E[x]² would cancel.
 */
export function batchNorm(
  { graph, statistics, read, move, accumulate }: Emission,
  name: string,
  input: Rows,
  { epsilon, momentum }: { readonly epsilon: number; readonly momentum: number },
): Pass {
  if (statistics === 'running') {
    const spread = graph.sqrt(graph.add(read(`${name}.running_var`), graph.scalar(epsilon)));
    const scale = graph.div(read(`${name}.weight`), spread);
    const centred = input.map((x) => graph.sub(x, read(`${name}.running_mean`)));
    return {
      output: centred.map((c) => graph.add(graph.mul(c, scale), read(`${name}.bias`))),
      backward: (gradient) => gradient,
    };
  }
  const n = countRows(input);
  const mean = graph.mul(sumRows(graph, input), graph.scalar(1 / n));
  const centred = input.map((x) => graph.sub(x, mean));
  const squares = sumRows(
    graph,
    centred.map((c) => graph.mul(c, c)),
  );
  const variance = graph.mul(squares, graph.scalar(1 / n));
  const inverse = graph.reciprocal(graph.sqrt(graph.add(variance, graph.scalar(epsilon))));

  const width = Number(input[0]?.shape[1]);
  // PyTorch's running values: the old ones kept by 1 − momentum, the variance unbiased.
  const follow = (statistic: string, seen: Value): void => {
    const kept = graph.mul(read(`${name}.${statistic}`), graph.scalar(1 - momentum));
    move(`${name}.${statistic}`, graph.add(kept, graph.mul(graph.reshape(seen, [width]), graph.scalar(momentum))));
  };
  follow('running_mean', mean);
  follow('running_var', graph.mul(squares, graph.scalar(1 / (n - 1))));

  const scale = graph.mul(inverse, read(`${name}.weight`));
  const shift = read(`${name}.bias`);
  return {
    output: centred.map((c) => graph.add(graph.mul(c, scale), shift)),
    backward: (gradient) => {
      const sum = sumRows(graph, gradient);
      const products = sumRows(
        graph,
        gradient.map((dy, i) => graph.mul(dy, centred[i] ?? dy)),
      );
      addVector(graph, accumulate, `${name}.bias`, sum);
      addVector(graph, accumulate, `${name}.weight`, graph.mul(products, inverse));
      const even = graph.mul(graph.mul(sum, scale), graph.scalar(1 / n));
      const squared = graph.mul(graph.mul(inverse, inverse), scale);
      const slope = graph.mul(graph.mul(products, squared), graph.scalar(1 / n));
      return gradient.map((dy, i) =>
        graph.sub(graph.mul(dy, scale), graph.add(graph.mul(centred[i] ?? dy, slope), even)),
      );
    },
  };
}

/**
 * Over the d columns of a row, with x̂ = (x − mean(x)) · s, s = 1/√(variance + ε):
 *
 *     y = x̂ · γ + β        ∂β = Σ ∂y        ∂γ = Σ (∂y ∘ x̂)
 *     ∂x = s · (∂y ∘ γ − mean(∂y ∘ γ) − x̂ · mean(∂y ∘ γ ∘ x̂))
 *
 * Means over columns of a product with γ are products with the column γ/d.
 */
export function layerNorm({ graph, read, accumulate }: Emission, name: string, input: Rows, epsilon: number): Pass {
  const weight = read(`${name}.weight`);
  const bias = read(`${name}.bias`);
  const width = Number(input[0]?.shape[1]);
  const part = graph.scalar(1 / width);
  const normal = input.map((x) => {
    const centred = graph.sub(x, graph.reduce('ReduceMean', x, 1));
    const variance = graph.mul(dotRows(graph, centred, centred), part);
    const inverse = graph.reciprocal(graph.sqrt(graph.add(variance, graph.scalar(epsilon))));
    return { x: graph.mul(centred, inverse), inverse };
  });
  return {
    output: normal.map(({ x }) => graph.add(graph.mul(x, weight), bias)),
    backward: (gradient) => {
      const column = graph.reshape(graph.mul(weight, part), [width, 1]);
      const products: Value[] = [];
      const back = gradient.map((dy, i) => {
        const { x = dy, inverse = dy } = normal[i] ?? {};
        const product = graph.mul(dy, x);
        products.push(product);
        const along = graph.add(graph.mul(x, graph.gemm(product, column)), graph.gemm(dy, column));
        return graph.mul(graph.sub(graph.mul(dy, weight), along), inverse);
      });
      addVector(graph, accumulate, `${name}.bias`, sumRows(graph, gradient));
      addVector(graph, accumulate, `${name}.weight`, sumRows(graph, products));
      return back;
    },
  };
}

/** Adds a [1, d] to the gradient of a vector. */
function addVector(graph: Emission['graph'], accumulate: Emission['accumulate'], name: string, row: Value): void {
  accumulate(name, (sum) => (sum === undefined ? row : graph.add(sum, row)));
}
