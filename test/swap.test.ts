import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReferenceBackend } from '@freebind/backend-reference';
import { type Backend, type BackendManifest, type BondData, type Matrix, normalMatrix, random } from '@freebind/core';
import { type Provenance, readBond } from '@freebind/core/files';
import { trainBond, type TrainBondOptions, type TrainingEvent } from '@freebind/core/training';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toyBond } from '../packages/core/test/toy-bond.ts';
import { goldenBackends } from './golden/backends.ts';

const TEMPERATURE = 0.1;
const STOP = 4;
const training = { ...toyBond('').training, heads: ['mix'], temperature: TEMPERATURE, learningRate: 1e-3 };

interface Made {
  readonly bond: BondData;
  readonly provenance: Provenance;
  readonly losses: readonly number[];
}

let folder: string;
/** The same bond in float64, and one that differs from it by its seed. */
let oracle: Made;
let another: Made;
// A backend's variants share its name.
const backends = (await goldenBackends()).map((one, i) => ({
  ...one,
  name: `${one.name}, ${i}`,
  open: () => one.open(),
}));
const here = backends.filter(({ unavailable }) => unavailable === undefined);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'freebind-swap-'));
  const backend = new ReferenceBackend({ precision: 'float64' });
  oracle = await make('oracle', backend);
  another = await make('another', backend, { seed: 2 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Trains the bond, or goes on with it where one of this name was stopped. */
async function make(name: string, backend: Backend, changes = {}, told: TrainingEvent[] = []): Promise<Made> {
  const out = join(folder, name);
  await follow({ ...toyBond(out), training: { ...training, ...changes }, backend }, (event) => told.push(event));
  const { bond, provenance } = await readBond(out);
  return { bond, provenance, losses: provenance.lossCurve?.['mix'] ?? [] };
}

async function follow(options: TrainBondOptions, seen: (event: TrainingEvent) => void): Promise<void> {
  for await (const event of trainBond(options)) seen(event);
}

/** Trains the bond up to the step `STOP` and leaves its checkpoint. */
async function begin(name: string, backend: Backend): Promise<void> {
  const stop = new AbortController();
  const options = { ...toyBond(join(folder, name)), training, backend, signal: stop.signal };
  const run = follow(options, (event) => void (event.type === 'step' && event.step === STOP && stop.abort()));
  await expect(run).rejects.toMatchObject({ code: 'FREEBIND_ABORTED' });
}

async function project({ networks }: BondData, backend: Backend): Promise<Matrix> {
  const runner = await backend.openProjector(Object.values(networks));
  const rows = await runner.project(normalMatrix(64, 10, random('swap')));
  await runner.close();
  return rows;
}

/** A logit is a cosine over τ and a loss the difference of two; ten times that a step, as what a step adds rests on all before it. */
function expectLosses(found: readonly number[], ...manifests: readonly BackendManifest[]): void {
  const tolerance = Math.max(...manifests.map((manifest) => manifest.tolerance)) * (1 + 2 / TEMPERATURE);
  expect(found).toHaveLength(oracle.losses.length);
  found.forEach((loss, step) => {
    expect(Math.abs(loss - (oracle.losses[step] ?? NaN)), `loss of step ${step}`).toBeLessThan(
      10 * (step + 1) * tolerance,
    );
  });
}

/**
 * The weights of two backends agree but for the biases in front of a batch norm: their gradient is zero, so Adam moves each by up
 * to its rate a step, in a direction that rounding decides, and the running mean follows late. In units of a layer's spread that
 * is at most 2 · rate · steps / σ; the two layers' add up to the angle δ between outputs, whose cosine is at least 1 − δ²/2.
 */
async function expectOutputs(bond: BondData): Promise<void> {
  const variances = Object.entries(oracle.bond.networks['mix']?.weights ?? {}).filter(([name]) =>
    name.endsWith('running_var'),
  );
  expect(variances).toHaveLength(2);
  const drift = 2 * training.learningRate * oracle.losses.length;
  const angle = variances.reduce((sum, [, { data }]) => sum + drift / Math.sqrt(mean(data)), 0);
  expect(await cosine(bond, oracle.bond)).toBeGreaterThan(1 - angle ** 2 / 2);
  // So near that another bond would not pass.
  expect(await cosine(another.bond, oracle.bond)).toBeLessThan(1 - angle ** 2 / 2);
}

/** The mean over rows of the cosine between two bonds' outputs, both unit rows. */
async function cosine(a: BondData, b: BondData): Promise<number> {
  const backend = new ReferenceBackend({ precision: 'float64' });
  const [x, y] = [await project(a, backend), await project(b, backend)];
  return mean(Array.from(x.data, (value, i) => value * (y.data[i] ?? NaN))) * x.cols;
}

function mean(values: ArrayLike<number>): number {
  return Array.from(values).reduce((a, b) => a + b, 0) / values.length;
}

describe.each(backends)('a bond trained on $name', (one) => {
  const { name, unavailable } = one;
  test('has the loss curve and the outputs of every other backend', async ({ skip }) => {
    if (unavailable !== undefined) skip(unavailable);
    const backend = await one.open();
    const made = await make(name, backend);
    await backend.close();
    expectLosses(made.losses, backend.manifest);
    await expectOutputs(made.bond);
    expect(made.losses.at(-1)).toBeLessThan((made.losses[0] ?? NaN) - 0.1);
    expect(made.provenance.backend).toEqual(backend.manifest);
    expect(made.provenance.notes).toBeUndefined();
  });

  test('gives the same rows on every other backend', async ({ skip }) => {
    if (unavailable !== undefined) skip(unavailable);
    const { bond } = await readBond(join(folder, name));
    const expected = await project(bond, new ReferenceBackend({ precision: 'float64' }));
    for (const other of here) {
      const backend = await other.open();
      const { data } = await project(bond, backend);
      await backend.close();
      const worst = Math.max(...Array.from(data, (x, i) => Math.abs(x - (expected.data[i] ?? NaN))));
      expect(worst).toBeLessThan(backend.manifest.tolerance);
    }
  });
});

// A ring, so that every backend begins a bond and goes on with another's.
test.each(here.map((first, i) => ({ first, second: here[(i + 1) % here.length] ?? first })))(
  'a bond begun on $first.name goes on, and is whole, on $second.name',
  async ({ first, second }) => {
    const name = `${first.name} to ${second.name}`;
    const [one, two] = [await first.open(), await second.open()];
    await begin(name, one);
    await one.close();
    const told: TrainingEvent[] = [];
    const { bond, losses, provenance } = await make(name, two, {}, told);
    await two.close();
    expect(told).toContainEqual(
      expect.objectContaining({ type: 'warning', message: expect.stringContaining(one.manifest.device) }),
    );
    expect(told.flatMap((event) => (event.type === 'step' ? event.step : []))[0]).toBe(STOP + 1);
    expectLosses(losses, one.manifest, two.manifest);
    await expectOutputs(bond);
    expect(provenance.backend).toEqual(two.manifest);
    expect(provenance.notes).toEqual([
      expect.stringMatching(new RegExp(`${one.manifest.id}.*from step 0.*${two.manifest.id}.*from step ${STOP}`)),
    ]);
  },
);
