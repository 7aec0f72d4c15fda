import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReferenceBackend } from '@freebind/backend-reference';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { adapter } from '../adapter.ts';
import type { TrainerOptions } from '../backend.ts';
import { readFusedSpace } from '../files/space-folder.ts';
import { gatherRows, matrix, type Matrix } from '../matrix.ts';
import { normalMatrix, random } from '../random.ts';
import { type Table, tableOf } from '../table.ts';
import type { TrainingEvent } from '../training/events.ts';
import { embedTable } from './embed-table.ts';
import { fuse, type Fused, type FuseOptions } from './fuse.ts';
import type { FuseTraining } from './fuse-options.ts';

let folder: string;
let out: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'freebind-fuse-'));
  out = join(folder, 'space');
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const ITEMS = 60;

/** Features of the same items by one encoder: the items' hidden points, turned, shifted and with some noise of the view's own. */
function features(encoder: string, cols: number, view = 0): Table {
  const points = normalMatrix(ITEMS, 6, random('fuse', 'points'));
  const turn = normalMatrix(6, cols, random('fuse', encoder));
  const noise = normalMatrix(ITEMS, cols, random('fuse', encoder, view));
  const rows = matrix(ITEMS, cols);
  for (let r = 0; r < ITEMS; r++) {
    for (let c = 0; c < cols; c++) {
      let sum = 5 + 0.3 * (noise.data[r * cols + c] ?? 0);
      for (let j = 0; j < 6; j++) sum += (points.data[r * 6 + j] ?? 0) * (turn.data[j * cols + c] ?? 0);
      rows.data[r * cols + c] = sum;
    }
  }
  return tableOf(rows, `${encoder}.${view}.npy`);
}

const training: Partial<FuseTraining> = {
  batch: 24,
  epochs: 4,
  adapter: { output: 12, blocks: 1, expansion: 2, dropout: 0.2 },
  latents: { standardise: true, reduce: 6 },
};

function options(changes: Partial<FuseOptions> = {}): FuseOptions {
  return {
    name: 'vt',
    modalities: { image: [features('image', 20), features('image', 20, 1)], text: features('text', 14) },
    backend: new ReferenceBackend(),
    out,
    rows: Array.from({ length: 50 }, (_, i) => i),
    training,
    checkpoints: { everySteps: 2 },
    ...changes,
  };
}

async function finish(
  given: FuseOptions,
  seen: (event: TrainingEvent) => boolean = () => true,
): Promise<(Fused & { readonly events: readonly TrainingEvent[] }) | undefined> {
  const run = fuse(given);
  const events: TrainingEvent[] = [];
  for (;;) {
    const next = await run.next();
    if (next.done) return { ...next.value, events };
    events.push(next.value);
    if (!seen(next.value)) return void (await run.return(undefined as never));
  }
}

async function embed({ space }: Pick<Fused, 'space'>, modality: string, table: Table): Promise<Matrix> {
  for await (const rows of embedTable(space, modality, table, { backend: new ReferenceBackend() })) return rows;
  throw new Error('The table has rows.');
}

/** How many rows of `queries` find their own among all rows of `gallery` first. */
async function firsts(queries: Matrix, gallery: Matrix): Promise<number> {
  const bank = await new ReferenceBackend().openBank({ keys: tableOf(gallery) });
  const { indices } = await bank.topK(queries, 1);
  return indices.filter((found, i) => found === i).length;
}

/** A backend that only notes what it is asked to train. */
function spy(): { readonly backend: ReferenceBackend; readonly asked: TrainerOptions[] } {
  const backend = new ReferenceBackend();
  const asked: TrainerOptions[] = [];
  const open = backend.openTrainer.bind(backend);
  backend.openTrainer = (given) => {
    asked.push(given);
    return open(given);
  };
  return { backend, asked };
}

test('fuses a space in which items find each other, and writes it with its provenance', async () => {
  const rate = { kind: 'warm-up-cosine', floor: 1e-6, peak: 1e-2, warmUpSteps: 2 } as const;
  const fused = await finish(options({ training: { ...training, epochs: 40, rate } }));
  expect(await readdir(folder)).toEqual(['space']);
  const { space, provenance } = await readFusedSpace(out);
  expect(space).toEqual(fused?.space);
  expect(space.manifest).toMatchObject({ id: 'vt', dimension: 12, modalities: ['image', 'text'] });
  expect(space.temperature).not.toBe(0.07);
  expect(provenance).toMatchObject({
    seed: 0,
    options: { batch: 24, items: 50, optimizer: { weightDecay: 0.1 }, latents: { reduce: 6 } },
    data: { 'image.0': expect.any(String), 'image.1': expect.any(String), text: expect.any(String) },
  });
  expect(provenance.lossCurve?.vt).toHaveLength(80);
  const image = await embed({ space }, 'image', features('image', 20, 2)); // a view that was not trained on
  const text = await embed({ space }, 'text', features('text', 14));
  for (let r = 0; r < ITEMS; r++) expect(Math.hypot(...image.data.subarray(r * 12, r * 12 + 12))).toBeCloseTo(1, 5);
  // Chance is one of sixty.
  expect(await firsts(image, text)).toBeGreaterThan(15);
});

test('three modalities are trained jointly, by the loss of every two', async () => {
  const { backend, asked } = spy();
  const modalities = { image: features('image', 20), text: features('text', 14), audio: features('audio', 9) };
  await finish(options({ backend, modalities, training: { ...training, epochs: 1 } }));
  const pairs = asked[0]?.objective.pairs.map(({ left, right }) => `${left.network} ${right.network}`);
  expect(pairs).toEqual(['image text', 'image audio', 'text audio']);
  expect(asked[0]).toMatchObject({ mixup: true, objective: { temperature: { learned: { min: 0.001, max: 0.5 } } } });
});

test('the frozen preparation is folded into the adapter: features in, the trained rows out', async () => {
  const fused = await finish(options());
  const network = fused?.space.adapters.text;
  expect(network?.layers.map(({ kind }) => kind)).toEqual(['linear', 'residual', 'layer-norm', 'linear', 'normalise']);
  const backend = new ReferenceBackend();
  const project = async (layers: NonNullable<typeof network>['layers'], rows: Matrix): Promise<Matrix> =>
    (await backend.openProjector([{ layers, weights: network?.weights ?? {} }])).project(rows);
  const text = await features('text', 14).read(0, ITEMS);
  const latents = await project(network?.layers.slice(0, 1) ?? [], text);
  const rows = await project(network?.layers.slice(1) ?? [], latents);
  const whole = await project(network?.layers ?? [], text);
  // The latents are rounded to float32 in between, the whole runs in float64 inside.
  expect([...whole.data]).toEqual([...rows.data].map((x) => expect.closeTo(x, 5)));
  // Fitted on the rows that are trained on: their latents have mean zero.
  const trained = gatherRows(
    latents,
    Array.from({ length: 50 }, (_, i) => i),
  );
  for (let c = 0; c < 6; c++) {
    let sum = 0;
    for (let r = 0; r < 50; r++) sum += trained.data[r * 6 + c] ?? 0;
    expect(sum / 50).toBeCloseTo(0, 4);
  }
});

test('the preparation is fitted, trained on and embedded with unrounded: not by a projector', async () => {
  const backend = new ReferenceBackend();
  const projected: string[] = [];
  const open = backend.openProjector.bind(backend);
  backend.openProjector = (mixture) => {
    projected.push(
      ...mixture.flatMap(({ layers }) => layers.map((layer) => ('name' in layer ? layer.name : layer.kind))),
    );
    return open(mixture);
  };
  const fused = await finish(options({ backend, training: { ...training, latents: { reduce: 6, whiten: true } } }));
  expect(projected).toEqual([]);
  const text = await features('text', 14).read(0, ITEMS);
  const network = fused?.space.adapters.text;
  if (fused === undefined || network === undefined) throw new Error('The run has come to its end.');
  const embedded: number[] = [];
  for await (const { data } of embedTable(fused.space, 'text', tableOf(text), { backend })) embedded.push(...data);
  expect(projected).toEqual(network.layers.slice(1).map((layer) => ('name' in layer ? layer.name : layer.kind)));
  const { data } = await (await open([network])).project(text);
  // The latents are rounded to float32 in between, the whole runs in float64 inside.
  expect(embedded).toEqual([...data].map((x) => expect.closeTo(x, 5)));
});

test('refuses features that are too long for float32, and rows that an adapter makes infinite, by their number', async () => {
  const fused = await finish(options({ training: { ...training, latents: {}, epochs: 1 } }));
  if (fused === undefined) throw new Error('The run has come to its end.');
  const { data, ...shape } = await features('text', 14).read(0, ITEMS);
  const long = { ...shape, data: Float64Array.from(data, (x, i) => (i === 17 * 14 + 3 ? 1e200 : x)) };
  await expect(embed(fused, 'text', tableOf(long, 'text.npy'))).rejects.toMatchObject({
    code: 'FREEBIND_NUMBER_INVALID',
    message: expect.stringMatching(/Row 17 of text\.npy is too long/),
  });
  await expect(
    finish(
      options({
        modalities: { image: features('image', 20), text: tableOf(long, 'text.npy') },
        out: join(folder, 'long'),
      }),
    ),
  ).rejects.toMatchObject({ code: 'FREEBIND_NUMBER_INVALID' });
  const backend = new ReferenceBackend();
  const open = backend.openProjector.bind(backend);
  backend.openProjector = async (mixture) => {
    const runner = await open(mixture);
    return {
      close: () => runner.close(),
      project: async (rows) => {
        const out = await runner.project(rows);
        out.data[3 * out.cols] = Number.NaN;
        return out;
      },
    };
  };
  const broken = embedTable(fused.space, 'text', tableOf({ ...shape, data }, 'text.npy'), { backend });
  await expect(broken.next()).rejects.toMatchObject({
    code: 'FREEBIND_NUMBER_INVALID',
    message: expect.stringMatching(/Row 3 of text\.npy becomes NaN in the text adapter of "vt"/),
  });
});

test('without preparation the adapter is the published one', async () => {
  const fused = await finish(options({ training: { ...training, latents: {}, epochs: 1 } }));
  expect(fused?.space.adapters.image?.layers).toEqual(
    adapter({ input: 20, output: 12, blocks: 1, expansion: 2, dropout: 0.2 }),
  );
});

test('goes on where it was stopped, to the same bytes', async () => {
  const other = join(folder, 'unbroken');
  await finish(options({ out: other }));
  await finish(options(), (event) => event.type !== 'rows');
  await finish(options(), (event) => !(event.type === 'step' && event.step === 3));
  expect((await readdir(folder)).sort()).toEqual(['space.training', 'unbroken']);
  const last = await finish(options());
  expect(last?.events[0]).toMatchObject({ type: 'stage', stage: 'vt', done: 2 });
  for (const name of await readdir(other)) {
    expect(await readFile(join(out, name))).toEqual(await readFile(join(other, name)));
  }
  expect(await finish(options())).toMatchObject({ reused: true });
  await expect(finish(options({ training: { ...training, seed: 3 } }))).rejects.toMatchObject({
    code: 'FREEBIND_OUTPUT_EXISTS',
    message: expect.stringMatching(/options\.seed is 0 there and 3 here/),
  });
});

test.each(['k-dpp', 'uniform'] as const)('trains on a %s subset of the rows that were named', async (method) => {
  const { backend, asked } = spy();
  const subset = { method, size: 26 };
  const views = { image: features('image', 20), text: features('text', 14) };
  await finish(options({ backend, modalities: views, training: { ...training, epochs: 1, subset } }));
  expect(asked[0]?.tables.image?.rows).toBe(26);
});

test.each<[Partial<FuseOptions>, RegExp]>([
  [{ rows: [0, 60] }, /Row 60 was named.*rows 0 to 59/],
  [{ rows: [] }, /No rows to train on/],
  [{ training: { subset: { method: 'k-dpp', size: 51 } } }, /subset of 51 rows.*there are 50/],
  [{ training: { subset: { method: 'k-dpp', size: 5, by: 'audio' } } }, /by "audio", which is not fused/],
])('refuses rows that are not there, before any work (%#)', async (changes, message) => {
  await expect(finish(options(changes))).rejects.toThrow(message);
  expect(await readdir(folder)).toEqual([]);
});

test('NaN in features is refused with its table and row, before any work', async () => {
  const bad = await features('text', 14).read(0, ITEMS);
  bad.data[33 * 14 + 2] = NaN;
  const modalities = { image: features('image', 20), text: tableOf(bad, 'text.npy') };
  await expect(finish(options({ modalities, rows: [40, 33, 2, 1] }))).rejects.toMatchObject({
    code: 'FREEBIND_NUMBER_INVALID',
    message: expect.stringMatching(/Row 33 of text\.npy holds NaN/),
  });
  expect(await readdir(folder)).toEqual([]);
});

test('embedding refuses a modality without an adapter and features of another width', async () => {
  const fused = await finish(options({ training: { ...training, epochs: 1 } }));
  if (fused === undefined) throw new Error('It was not stopped.');
  await expect(embed(fused, 'audio', features('audio', 9))).rejects.toThrow(/no adapter for audio.*image, text/);
  await expect(embed(fused, 'text', features('image', 20))).rejects.toThrow(/has 20 columns.*features of 14/);
});
