import type { Layer } from '@freebind/core';
import { type Blocks, blockwise, placesOf } from './blocks.ts';
import type { Emission, Pass } from './emission.ts';
import { batchNorm, layerNorm, normaliseRows } from './norms.ts';
import type { Program, Value } from './program.ts';

/** `layers` one after another: [n, in] → [n, out]. */
export function forward(emission: Emission, layers: readonly Layer[], input: Blocks, prefix = ''): Pass {
  const passes: Pass[] = [];
  let rows = input;
  for (const layer of layers) {
    const pass = forwardLayer(emission, layer, rows, prefix);
    passes.push(pass);
    rows = pass.output;
  }
  return { output: rows, backward: (gradient) => passes.reduceRight((g, pass) => pass.backward(g), gradient) };
}

function forwardLayer(emission: Emission, layer: Layer, x: Blocks, prefix: string): Pass {
  const { program } = emission;
  switch (layer.kind) {
    case 'linear':
      return linear(emission, x, `${prefix}${layer.name}`);
    case 'batch-norm':
      return batchNorm(emission, x, layer, `${prefix}${layer.name}`);
    case 'layer-norm':
      return eachBlock(x, (block) => layerNorm(emission, block, layer.epsilon, `${prefix}${layer.name}`));
    case 'relu':
      return eachBlock(x, (block) => relu(program, block));
    case 'gelu':
      return eachBlock(x, (block) => gelu(program, block));
    case 'dropout':
      return dropout(emission, x, layer.rate);
    case 'residual': {
      const inner = forward(emission, layer.layers, x, `${prefix}${layer.name}.`);
      return {
        output: blockwise(program.add, x, inner.output),
        backward: (gradient) => blockwise(program.add, gradient, inner.backward(gradient)),
      };
    }
    case 'normalise':
      return eachBlock(x, (block) => normaliseRows(program, block));
  }
}

/** y = x · Wᵀ + b. ∂W = ∂yᵀ · x, ∂b = Σ_rows ∂y, ∂x = ∂y · W. */
function linear({ program, read, accumulate }: Emission, x: Blocks, name: string): Pass {
  const [weight, bias] = [read(`${name}.weight`), read(`${name}.bias`)];
  const turned = program.transpose(weight);
  return eachBlock(x, (block) => ({
    output: program.add(program.product(block, turned), bias),
    backward: (gradient) => {
      accumulate(`${name}.bias`, program.sumOfColumn(gradient));
      // One factor has to be transposed; the narrower one is the smaller.
      const [out = 0, into = 0] = weight.shape;
      accumulate(
        `${name}.weight`,
        into < out
          ? program.transpose(program.product(program.transpose(block), gradient))
          : program.product(program.transpose(gradient), block),
      );
      return program.product(gradient, weight);
    },
  }));
}

/** Not the Relu kernel: XNNPACK's makes 0 of NaN, which would hide a damaged table. */
function relu(program: Program, x: Value): Pass<Value> {
  const positive = program.step(x);
  return { output: program.mul(x, positive), backward: (gradient) => program.mul(gradient, positive) };
}

/** Masks are made anew for the way back, which takes no memory meanwhile. */
function dropout({ program, statistics, dropout: next }: Emission, x: Blocks, rate: number): Pass {
  if (statistics === 'running') return { output: x, backward: (gradient) => gradient };
  const mask = next(rate, Number(x[0]?.shape[1]));
  const places = placesOf(x);
  return eachBlock(x, (block, i) => {
    const rows = places[i] ?? { start: 0, end: 0 };
    return {
      output: program.mul(block, mask(rows)),
      backward: (gradient) => program.mul(gradient, mask(rows)),
    };
  });
}

/** x · Φ(x), Φ(x) = ½ (1 + erf(x/√2)). ∂x = ∂y · (Φ(x) + x · φ(x)), φ(x) = exp(−x²/2)/√(2π). */
function gelu(program: Program, x: Value): Pass<Value> {
  const cdf = program.scale(program.add(program.erf(program.scale(x, Math.SQRT1_2)), program.scalar(1)), 0.5);
  return {
    output: program.mul(x, cdf),
    backward: (gradient) => {
      const pdf = program.scale(program.exp(program.scale(program.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return program.mul(gradient, program.add(cdf, program.mul(x, pdf)));
    },
  };
}

/** A layer to which the blocks of a batch are nothing to each other. */
function eachBlock(x: Blocks, layer: (block: Value, i: number) => Pass<Value>): Pass {
  const passes = x.map(layer);
  return {
    output: passes.map(({ output }) => output),
    backward: (gradient) => passes.map((pass, i) => pass.backward(gradient[i] ?? pass.output)),
  };
}
