import { dropoutKeys, type Layer, networkRuns, type Side, type TrainerOptions, widthAfter } from '@freebind/core';
import type { Device } from './device.ts';
import { infoNce, type SideGradient } from './info-nce.ts';
import { adam } from './kernels/adam.ts';
import type { DropoutMask } from './kernels/dropout.ts';
import { gatherRows } from './kernels/gather-rows.ts';
import { clampTemperature } from './kernels/temperature.ts';
import { runLayers } from './layers.ts';
import type { Memory } from './memory.ts';
import type { Pass } from './parameters.ts';
import type { Plan } from './plan.ts';
import type { Rows } from './rows.ts';
import { layOut, type StateLayout } from './shelves.ts';
import { type DropoutLayer, stepInputs, type StepInputs } from './step-input.ts';
import type { BatchSource } from './trainer-tables.ts';

/** A whole step as a plan, and the buffers around it. */
export interface TrainStep {
  readonly state: StateLayout;
  readonly inputs: StepInputs;
  /** Loss and temperature, [2]. */
  readonly results: Rows;
}

/**
 * Records gather, mix, forward, loss, backward and Adam, in the order of the formulas. Call it within `Device.guard`.
 */
export function recordStep(
  device: Device,
  memory: Memory,
  plan: Plan,
  options: TrainerOptions & { readonly mixed: boolean },
  sources: ReadonlyMap<string, BatchSource>,
): TrainStep {
  const { objective, networks, batch, mixup = false, mixed } = options;
  const { pairs, temperature } = objective;
  const rows = mixup ? batch / 2 : batch;
  const state = layOut(device, memory, options);
  const scale = mixed ? gradientScale(rows, pairs.length) : 1;
  const runs = networkRuns(objective);
  const dropouts = runs.flatMap(({ network, table }, run) =>
    dropoutLayers(networks[network]?.layers ?? [], sources.get(table)?.rows.cols ?? 0, { run, rows }),
  );
  const inputs = stepInputs(memory, batch, dropouts);
  const results = memory.take('results', 1, 2);

  const tau = state.arrays.get('temperature') ?? memory.hold('temperature', 1, 1, Float32Array.of(temperature.initial));
  const tauGradient = state.gradients.get('temperature') ?? memory.take('∂temperature', 1, 1);
  if (temperature.learned) clampTemperature(plan, tau, temperature.learned, results);

  const tables = new Map<string, Rows>();
  for (const [name, source] of sources) {
    const out = memory.take(`batch of ${name}`, rows, source.rows.cols);
    gatherRows(plan, {
      table: source.rows,
      numbers: source.numbers ?? inputs.numbers,
      mix: mixup ? inputs.mix : undefined,
      out,
    });
    tables.set(name, out);
  }

  // Of this step: whether something was put there.
  const written = new Set<GPUBuffer | string>();
  const isWritten = (what: GPUBuffer | string): boolean => {
    const before = written.has(what);
    written.add(what);
    return before;
  };
  let dropout = 0;
  const passes = new Map<string, Pass>();
  for (const { network, table } of runs) {
    const training = {
      gradient: (name: string) => ({
        into: found(state.gradients, `${network}/${name}`),
        add: isWritten(`${network}/${name}`),
      }),
      mask: (): DropoutMask => maskOf(dropouts[dropout], inputs.keys[dropout++]),
    };
    const run = { plan, memory, weight: (name: string) => found(state.arrays, `${network}/${name}`), training };
    passes.set(keyOf({ network, table }), runLayers(run, networks[network]?.layers ?? [], found(tables, table)));
  }

  const back = new Map([...passes].map(([key, { output }]) => [key, memory.take(`∂${key}`, output.rows, output.cols)]));
  const rowsOf = (side: Side): Rows => passes.get(keyOf(side))?.output ?? found(tables, side.table);
  const gradientOf = (side: Side): SideGradient | undefined => {
    const into = back.get(keyOf(side));
    return into && { into, add: isWritten(into.buffer) };
  };
  pairs.forEach(({ left, right }, i) => {
    infoNce(plan, memory, {
      x: rowsOf(left),
      y: rowsOf(right),
      dx: gradientOf(left),
      dy: gradientOf(right),
      temperature: tau,
      temperatureGradient: tauGradient,
      results,
      share: 1 / pairs.length,
      scale,
      isFirst: i === 0,
    });
  });
  for (const [key, pass] of passes) {
    pass.backward(found(back, key), false);
    memory.giveBack(found(back, key));
  }
  for (const shelf of state.shelves) adam(plan, shelf, shelf.decays ? inputs.decaying : inputs.steady, scale);
  return { state, inputs, results };
}

/**
 * What gradients are multiplied by so that float16 holds them, the power of two next to 2n · pairs: a score's gradient is then near
 * (P + Q − 2·I)/τ, of which float16 holds weights down to 2⁻¹⁴ τ in full and none is too large for τ above 2⁻¹⁴. Powers of two
 * round nothing, so Adam, which divides by it, sees the same gradients.
 */
function gradientScale(rows: number, pairs: number): number {
  return 2 ** Math.round(Math.log2(2 * rows * pairs));
}

/** The dropout layers of a network that is run, in order, with the widths they meet. */
function dropoutLayers(
  layers: readonly Layer[],
  width: number,
  of: { readonly run: number; readonly rows: number },
  before = 0,
): readonly DropoutLayer[] {
  const found: DropoutLayer[] = [];
  let cols = width;
  for (const layer of layers) {
    const place = before + found.length;
    if (layer.kind === 'dropout') found.push({ ...of, layer: place, cols, rate: layer.rate });
    if (layer.kind === 'residual') found.push(...dropoutLayers(layer.layers, cols, of, place));
    cols = widthAfter([layer], cols);
  }
  return found;
}

function maskOf(layer: DropoutLayer | undefined, keys: Rows | undefined): DropoutMask {
  if (layer === undefined || keys === undefined) throw new RangeError('a dropout layer that was not counted');
  // Threshold and scale depend on the rate alone.
  const { threshold, scale } = dropoutKeys({ ...layer, seed: 0, rows: 0, cols: 0 });
  return { keys, threshold, scale };
}

function found<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new RangeError(`"${name}" was checked to be there`);
  return value;
}

function keyOf({ table, network }: Side): string {
  return JSON.stringify([network, table]);
}
