import type { Layer } from '@freebind/core';
import type { Emission, Pass } from './emission.ts';
import { batchNorm, layerNorm, normaliseRows } from './norms.ts';
import type { Value } from './program.ts';

/** `layers` one after another: [n, in] → [n, out]. */
export function forward(emission: Emission, layers: readonly Layer[], input: Value, prefix = ''): Pass {
  const passes: Pass[] = [];
  let rows = input;
  for (const layer of layers) {
    const pass = forwardLayer(emission, layer, rows, prefix);
    passes.push(pass);
    rows = pass.output;
  }
  return { output: rows, backward: (gradient) => passes.reduceRight((g, pass) => pass.backward(g), gradient) };
}

function forwardLayer(emission: Emission, layer: Layer, x: Value, prefix: string): Pass {
  const { program } = emission;
  switch (layer.kind) {
    case 'linear':
      return linear(emission, x, `${prefix}${layer.name}`);
    case 'batch-norm':
      return batchNorm(emission, x, layer, `${prefix}${layer.name}`);
    case 'layer-norm':
      return layerNorm(emission, x, layer.epsilon, `${prefix}${layer.name}`);
    case 'relu': {
      // Not the Relu kernel: XNNPACK's makes 0 of NaN, which would hide a damaged table.
      const positive = program.step(x);
      return { output: program.mul(x, positive), backward: (gradient) => program.mul(gradient, positive) };
    }
    case 'gelu':
      return gelu(emission, x);
    case 'dropout': {
      if (emission.statistics === 'running') return { output: x, backward: (gradient) => gradient };
      const mask = emission.dropout(layer.rate, Number(x.shape[0]), Number(x.shape[1]));
      return { output: program.mul(x, mask()), backward: (gradient) => program.mul(gradient, mask()) };
    }
    case 'residual': {
      const inner = forward(emission, layer.layers, x, `${prefix}${layer.name}.`);
      return {
        output: program.add(x, inner.output),
        backward: (gradient) => program.add(gradient, inner.backward(gradient)),
      };
    }
    case 'normalise':
      return normaliseRows(program, x);
  }
}

/** y = x · Wᵀ + b. ∂W = ∂yᵀ · x, ∂b = Σ_rows ∂y, ∂x = ∂y · W. */
function linear({ program, read, accumulate }: Emission, x: Value, name: string): Pass {
  const weight = read(`${name}.weight`);
  const output = program.add(program.product(x, program.transpose(weight)), read(`${name}.bias`));
  return {
    output,
    backward: (gradient) => {
      accumulate(`${name}.bias`, program.sumOfColumn(gradient));
      // One factor has to be transposed; the narrower one is the smaller.
      const [out = 0, into = 0] = weight.shape;
      accumulate(
        `${name}.weight`,
        into < out
          ? program.transpose(program.product(program.transpose(x), gradient))
          : program.product(program.transpose(gradient), x),
      );
      return program.product(gradient, weight);
    },
  };
}

/** x · Φ(x), Φ(x) = ½ (1 + erf(x/√2)). ∂x = ∂y · (Φ(x) + x · φ(x)), φ(x) = exp(−x²/2)/√(2π). */
function gelu({ program }: Emission, x: Value): Pass {
  const cdf = program.scale(program.add(program.erf(program.scale(x, Math.SQRT1_2)), program.scalar(1)), 0.5);
  return {
    output: program.mul(x, cdf),
    backward: (gradient) => {
      const pdf = program.scale(program.exp(program.scale(program.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return program.mul(gradient, program.add(cdf, program.mul(x, pdf)));
    },
  };
}
