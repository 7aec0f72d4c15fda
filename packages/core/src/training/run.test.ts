import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReferenceBackend } from '@freebind/backend-reference';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runChild } from '../../test/child.ts';
import { toyRun } from '../../test/toy-run.ts';
import { normalMatrix, random } from '../random.ts';
import { tableOf } from '../table.ts';
import type { TrainingEvent } from './events.ts';
import { type RunOptions, train, type Trained } from './run.ts';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'freebind-run-'))));
afterEach(async () => rm(folder, { recursive: true, force: true }));

async function finish(
  options: RunOptions,
  seen: (event: TrainingEvent) => void = () => undefined,
): Promise<Trained & { readonly events: readonly TrainingEvent[] }> {
  const run = train(options);
  const events: TrainingEvent[] = [];
  for (;;) {
    const next = await run.next();
    if (next.done) return { ...next.value, events };
    events.push(next.value);
    seen(next.value);
  }
}

const unbroken = async (): Promise<Trained> => resultOf(await finish(toyRun()));
const resultOf = ({ networks, losses, temperature, trainedOn }: Trained): Trained => ({
  networks,
  losses,
  temperature,
  trainedOn,
});
const withCheckpoints = (changes: Partial<RunOptions> = {}): RunOptions =>
  toyRun({ checkpoints: { folder, everySteps: 3 }, ...changes });

test('tells of every step with its epoch, loss, temperature and pace', async () => {
  const { events, losses, temperature } = await finish(toyRun());
  const steps = events.filter((event) => event.type === 'step');
  expect(events[0]).toEqual({ type: 'stage', stage: 'toy', done: 0, total: 24 });
  expect(steps).toHaveLength(24);
  expect(steps[23]).toMatchObject({ step: 24, steps: 24, epoch: 7, loss: losses[23], temperature, etaSeconds: 0 });
  expect(steps[3]).toMatchObject({ epoch: 1, rowsPerSecond: expect.any(Number), loss: losses[3] });
  expect(temperature).not.toBe(0.07);
});

test('equal seeds give equal runs and another seed another', async () => {
  const [one, two, other] = [await unbroken(), await unbroken(), await finish(toyRun({ seed: 2 }))];
  expect(two.losses).toEqual(one.losses);
  expect(two.networks).toEqual(one.networks);
  expect(other.losses).not.toEqual(one.losses);
});

test('goes on bit for bit after SIGKILL at any moment', async () => {
  // Killed between two checkpoints, and the process that goes on from there while its next checkpoint is being written.
  await runChild('toy-run-child.ts', [folder, '8', '8', 'now']);
  expect((await readdir(folder)).at(-1)).toBe('checkpoint-000000006.safetensors');
  await runChild('toy-run-child.ts', [folder, '8', '15', 'soon']);
  const { events, ...result } = await finish(withCheckpoints());
  expect([12, 15]).toContain(events[0]?.type === 'stage' && events[0].done);
  expect(resultOf(result)).toEqual(await unbroken());
});

test('a finished run is not trained again', async () => {
  const first = await finish(withCheckpoints());
  const again = await finish(withCheckpoints());
  expect(again.events).toEqual([{ type: 'stage', stage: 'toy', done: 24, total: 24 }]);
  expect(again.networks).toEqual(first.networks);
});

test('an abort ends the run after its step with a checkpoint to go on from', async () => {
  const stop = new AbortController();
  const run = finish(withCheckpoints({ signal: stop.signal }), (event) => {
    if (event.type === 'step' && event.step === 7) stop.abort();
  });
  await expect(run).rejects.toMatchObject({ code: 'FREEBIND_ABORTED', message: expect.stringMatching(/step 7 of 24/) });
  const { events, ...result } = await finish(withCheckpoints());
  expect(events[0]).toMatchObject({ done: 7 });
  expect(resultOf(result)).toEqual(await unbroken());
});

test('the newest two checkpoints are kept', async () => {
  await finish(withCheckpoints());
  expect(await readdir(folder)).toEqual(['checkpoint-000000021.safetensors', 'checkpoint-000000024.safetensors']);
});

test.each(['cut short', 'a turned bit', 'a turned bit of its step'])(
  'a damaged newest checkpoint (%s) falls back to the one before',
  async (damage) => {
    await finish(withCheckpoints());
    const newest = join(folder, 'checkpoint-000000024.safetensors');
    const bytes = await readFile(newest);
    if (damage === 'cut short') await truncate(newest, bytes.length - 9);
    else {
      const at = damage === 'a turned bit' ? bytes.length - 9 : bytes.indexOf('step\\":24') + 'step\\":2'.length;
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      await writeFile(newest, bytes);
    }
    const { events, ...result } = await finish(withCheckpoints());
    expect(events.slice(0, 2)).toMatchObject([
      { done: 21 },
      { type: 'warning', message: expect.stringMatching(/000000024/) },
    ]);
    expect(resultOf(result)).toEqual(await unbroken());
  },
);

test('a damaged checkpoint takes the place of no good one', async () => {
  await finish(withCheckpoints());
  await truncate(join(folder, 'checkpoint-000000024.safetensors'), 20);
  const stop = new AbortController();
  const run = finish(withCheckpoints({ signal: stop.signal }), (event) => {
    if (event.type === 'step' && event.step === 22) stop.abort();
  });
  await expect(run).rejects.toMatchObject({ code: 'FREEBIND_ABORTED' });
  expect(await readdir(folder)).toEqual(['checkpoint-000000021.safetensors', 'checkpoint-000000022.safetensors']);
});

test("another backend's checkpoint is continued, with a warning, and what took which step is told", async () => {
  const stop = new AbortController();
  const run = finish(withCheckpoints({ signal: stop.signal }), (event) => {
    if (event.type === 'step' && event.step === 7) stop.abort();
  });
  await expect(run).rejects.toMatchObject({ code: 'FREEBIND_ABORTED' });
  const backend = new ReferenceBackend({ precision: 'float64' });
  const { events, losses, trainedOn } = await finish(withCheckpoints({ backend }));
  expect(events.slice(0, 2)).toMatchObject([
    { type: 'stage', done: 7 },
    {
      type: 'warning',
      message: expect.stringMatching(/reference, float32 .* step 0, then reference, float64 .* step 7/),
    },
  ]);
  expect(trainedOn).toMatchObject([
    { precision: 'float32', fromStep: 0 },
    { precision: 'float64', fromStep: 7 },
  ]);
  const whole = (await unbroken()).losses;
  expect(losses.slice(0, 7)).toEqual(whole.slice(0, 7));
  // A logit is a cosine, right to the backend's tolerance, over τ; ten times that a step, as each rests on those before it.
  const tolerance = 10 * toyRun().backend.manifest.tolerance * (1 + 2 / 0.07);
  losses.forEach((loss, i) => expect(Math.abs(loss - (whole[i] ?? NaN))).toBeLessThan((i + 1) * tolerance));
  expect(losses).not.toEqual(whole);
});

test('when every checkpoint is damaged the run is refused, not started anew in silence', async () => {
  await finish(withCheckpoints());
  for (const name of await readdir(folder)) await truncate(join(folder, name), 20);
  await expect(finish(withCheckpoints())).rejects.toMatchObject({ code: 'FREEBIND_CHECKPOINT_INVALID' });
});

test.each<[Partial<RunOptions>, RegExp]>([
  [{ seed: 5 }, /seed is 1 there and 5 here/],
  [{ batch: 12 }, /batch is 16 there and 12 here/],
  [{ data: { image: 'other' } }, /data is missing there/],
  [{ rate: { kind: 'constant', rate: 1e-3 } }, /rate\.kind is "warm-up-cosine" there/],
  [
    { tables: { ...toyRun().tables, image: tableOf(normalMatrix(64, 8, random('x'))) } },
    /tables\.image\.rows is 96 there/,
  ],
])('a checkpoint of another run is refused with what differs (%#)', async (changes, message) => {
  await finish(withCheckpoints());
  await expect(finish(withCheckpoints(changes))).rejects.toMatchObject({
    code: 'FREEBIND_CHECKPOINT_INVALID',
    message: expect.stringMatching(message),
  });
});

test('a disk that refuses a checkpoint stops the run and keeps the one before', async () => {
  await finish(withCheckpoints());
  const [early, late] = await Promise.all(
    (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size),
  );
  await rm(folder, { recursive: true });
  // A limit on file sizes is a disk that fills up, and needs no mount. Checkpoints grow with the loss curve, 8 bytes a step:
  // in a longer run than the one just measured the limit, in blocks of 512 bytes, is met halfway.
  const blocks = Math.ceil((late ?? 0) / 512) + 1;
  const lines: Readonly<Record<string, unknown>>[] = [];
  await runChild('toy-run-child.ts', [folder, '60'], (line) => lines.push(line), { shell: `ulimit -f ${blocks};` });
  const saved = lines.filter(({ type }) => type === 'checkpoint');
  expect(late).toBeGreaterThan(early ?? Infinity);
  expect(lines.at(-1)).toMatchObject({ type: 'error', code: 'FREEBIND_WRITE_FAILED' });
  expect(saved.length).toBeGreaterThan(0);
  // Nothing half-written, and what is there is the last that was announced.
  expect((await readdir(folder)).map((name) => join(folder, name)).at(-1)).toBe(saved.at(-1)?.path);
  expect(await readdir(folder)).toHaveLength(2);
  const { events, ...result } = await finish(withCheckpoints({ epochs: 60 }));
  expect(events[0]).toMatchObject({ done: saved.at(-1)?.step });
  expect(resultOf(result)).toEqual(resultOf(await finish(toyRun({ epochs: 60 }))));
});

test('NaN in a table stops the run with the step, the table and the row; the last good checkpoint stays', async () => {
  const rows = normalMatrix(96, 8, random('toy', 'image'));
  const order = random(1, 'order', 'toy', 2).permutation(48);
  const item = order[20] ?? 0; // in batch 1 of epoch 2: step 8
  for (const view of [0, 1]) rows.data[(view * 48 + item) * 8 + 3] = NaN;
  const options = withCheckpoints({ tables: { ...toyRun().tables, image: tableOf(rows, 'image.npy') }, epochs: 3 });
  await expect(finish(options)).rejects.toMatchObject({
    code: 'FREEBIND_TRAINING_DIVERGED',
    message: expect.stringMatching(
      /loss of step [1-8] is NaN, because row \d+ of table "image" \(image\.npy\) holds NaN/,
    ),
  });
});

test('weights that an update breaks are never saved', async () => {
  const options = withCheckpoints({ rate: { kind: 'constant', rate: 1e300 }, epochs: 1 });
  await expect(finish(options)).rejects.toMatchObject({ code: 'FREEBIND_TRAINING_DIVERGED' });
  expect(await readdir(folder)).toEqual([]);
});

test('a batch larger than the data becomes all of it, evenly for mixup, with a warning', async () => {
  const { events, losses } = await finish(toyRun({ batch: 1000, epochs: 2, views: 1 }));
  expect(events[1]).toMatchObject({ type: 'warning', message: expect.stringMatching(/96 items for a batch of 1000/) });
  expect(losses).toHaveLength(2);
});

test('timers run between steps', async () => {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 0);
  await finish(toyRun());
  clearInterval(timer);
  expect(ticks).toBeGreaterThan(3);
});
