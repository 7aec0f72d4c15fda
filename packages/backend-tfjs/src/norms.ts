import { NORM_FLOOR } from '@freebind/core';
import { type Blocks, blockwise, meanOfColumn, rowsOf } from './blocks.ts';
import type { Emission, Pass } from './emission.ts';
import type { Program, Value } from './program.ts';

/** Per column: y = (x − mean)/√(variance + ε) · weight + bias. */
export function batchNorm(
  { program, statistics, read, move, accumulate }: Emission,
  x: Blocks,
  { epsilon, momentum }: { readonly epsilon: number; readonly momentum: number },
  name: string,
): Pass {
  const [weight, bias] = [read(`${name}.weight`), read(`${name}.bias`)];
  const [runningMean, runningVar] = [read(`${name}.running_mean`), read(`${name}.running_var`)];
  if (statistics === 'running') {
    const scale = program.mul(weight, inverseRoot(program, runningVar, epsilon));
    const normalised = (block: Value): Value => program.add(program.mul(program.sub(block, runningMean), scale), bias);
    return { output: x.map(normalised), backward: (g) => g };
  }
  const n = rowsOf(x);
  const mean = meanOfColumn(program, x);
  const centered = x.map((block) => program.sub(block, mean));
  const variance = meanOfColumn(program, centered, program.square);
  const moved = (old: Value, towards: Value): Value =>
    program.add(program.scale(old, 1 - momentum), program.reshape(towards, old.shape.map(Number)));
  move(`${name}.running_mean`, moved(runningMean, program.scale(mean, momentum)));
  move(`${name}.running_var`, moved(runningVar, program.scale(variance, (momentum * n) / (n - 1))));
  const inverse = inverseRoot(program, variance, epsilon);
  const normal = centered.map((block) => program.mul(block, inverse));
  return {
    output: normal.map((block) => program.add(program.mul(block, weight), bias)),
    backward: (gradient) => {
      // ∂x = (∂x̂ − mean(∂x̂) − x̂ · mean(∂x̂ ∘ x̂)) · inverse with ∂x̂ = ∂y · weight, whose means are those of the gradients below.
      const meanGradient = meanOfColumn(program, gradient);
      const meanAlong = meanOfColumn(program, gradient, (g, i) => program.mul(g, normal[i] ?? g));
      accumulate(`${name}.bias`, program.scale(meanGradient, n));
      accumulate(`${name}.weight`, program.scale(meanAlong, n));
      const scale = program.mul(inverse, weight);
      return blockwise(
        (g, own) => program.mul(program.sub(program.sub(g, meanGradient), program.mul(own, meanAlong)), scale),
        gradient,
        normal,
      );
    },
  };
}

/** Per row: y = (x − mean)/√(variance + ε) · weight + bias, the variance biased. */
export function layerNorm(
  { program, read, accumulate }: Emission,
  x: Value,
  epsilon: number,
  name: string,
): Pass<Value> {
  const [weight, bias] = [read(`${name}.weight`), read(`${name}.bias`)];
  const share = 1 / Number(weight.shape[0]);
  const meanOfRow = (rows: Value): Value => program.scale(program.sumOfRow(rows), share);
  const centered = program.sub(x, meanOfRow(x));
  const inverse = inverseRoot(program, meanOfRow(program.square(centered)), epsilon);
  const normal = program.mul(centered, inverse);
  return {
    output: program.add(program.mul(normal, weight), bias),
    backward: (gradient) => {
      accumulate(`${name}.bias`, program.sumOfColumn(gradient));
      accumulate(`${name}.weight`, program.sumOfColumn(program.mul(gradient, normal)));
      const inner = program.mul(gradient, weight);
      const along = meanOfRow(program.mul(inner, normal));
      return program.mul(program.sub(program.sub(inner, meanOfRow(inner)), program.mul(normal, along)), inverse);
    },
  };
}

/** y = x / max(‖x‖, floor). ∂x = (∂y − y (∂y · y)) / max(‖x‖, floor); below the floor the divisor is a constant and only the division is left. */
export function normaliseRows(program: Program, x: Value): Pass<Value> {
  const norm = program.sqrt(program.sumOfRow(program.square(x)));
  const divisor = program.max(norm, program.scalar(NORM_FLOOR));
  const output = program.div(x, divisor);
  return {
    output,
    backward: (gradient) => {
      const above = program.step(program.sub(norm, program.scalar(NORM_FLOOR)));
      const along = program.mul(program.dotRows(gradient, output), above);
      return program.div(program.sub(gradient, program.mul(output, along)), divisor);
    },
  };
}

/** 1/√(x + ε). */
function inverseRoot(program: Program, x: Value, epsilon: number): Value {
  return program.reciprocal(program.sqrt(program.add(x, program.scalar(epsilon))));
}
