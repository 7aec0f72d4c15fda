import { NORM_FLOOR } from '@freebind/core';
import type { Emission, Pass } from './emission.ts';
import type { Program, Value } from './program.ts';

/** Per column: y = (x − mean)/√(variance + ε) · weight + bias. */
export function batchNorm(
  { program, statistics, read, move, accumulate }: Emission,
  x: Value,
  { epsilon, momentum }: { readonly epsilon: number; readonly momentum: number },
  name: string,
): Pass {
  const [weight, bias] = [read(`${name}.weight`), read(`${name}.bias`)];
  const [runningMean, runningVar] = [read(`${name}.running_mean`), read(`${name}.running_var`)];
  if (statistics === 'running') {
    const scale = program.mul(weight, inverseRoot(program, runningVar, epsilon));
    return { output: program.add(program.mul(program.sub(x, runningMean), scale), bias), backward: (g) => g };
  }
  const n = Number(x.shape[0]);
  const mean = program.meanOfColumn(x);
  const centered = program.sub(x, mean);
  const variance = program.meanOfColumn(program.square(centered));
  const moved = (old: Value, towards: Value): Value =>
    program.add(program.scale(old, 1 - momentum), program.reshape(towards, old.shape.map(Number)));
  move(`${name}.running_mean`, moved(runningMean, program.scale(mean, momentum)));
  move(`${name}.running_var`, moved(runningVar, program.scale(variance, (momentum * n) / (n - 1))));
  const inverse = inverseRoot(program, variance, epsilon);
  const normal = program.mul(centered, inverse);
  return {
    output: program.add(program.mul(normal, weight), bias),
    backward: (gradient) => {
      // ∂x = (∂x̂ − mean(∂x̂) − x̂ · mean(∂x̂ ∘ x̂)) · inverse with ∂x̂ = ∂y · weight, whose means are those of the gradients below.
      const meanGradient = program.meanOfColumn(gradient);
      const meanAlong = program.meanOfColumn(program.mul(gradient, normal));
      accumulate(`${name}.bias`, program.scale(meanGradient, n));
      accumulate(`${name}.weight`, program.scale(meanAlong, n));
      const left = program.sub(program.sub(gradient, meanGradient), program.mul(normal, meanAlong));
      return program.mul(left, program.mul(inverse, weight));
    },
  };
}

/** Per row: y = (x − mean)/√(variance + ε) · weight + bias, the variance biased. */
export function layerNorm({ program, read, accumulate }: Emission, x: Value, epsilon: number, name: string): Pass {
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
export function normaliseRows(program: Program, x: Value): Pass {
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
