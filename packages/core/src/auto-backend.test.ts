import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import reference, { ReferenceBackend } from '@freebind/backend-reference';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { makeFolder, pluginPackage } from '../test/toy-plugins.ts';
import type { BackendManifest, BankRunner, Trainer } from './backend.ts';
import type { BackendProbe, BackendVerdict } from './backend-verdict.ts';
import { type BackendRates, measureBackend, stepOperations } from './backend-rates.ts';
import { backendCandidates, probeMemory } from './config/backend-candidates.ts';
import { AutoBackend, type BackendCandidate } from './auto-backend.ts';
import { FolderStore } from './files/file-store.ts';
import { freebind } from './freebind.ts';
import { inputWidth, outputWidth } from './network.ts';

afterEach(() => vi.unstubAllEnvs());

/** A reference backend by another name, whose starts are counted and whose rates come from what is remembered. */
class Counted implements BackendCandidate {
  readonly package: string;
  readonly identity = { version: '1.0.0', options: {} };
  started = 0;
  closed = 0;
  device: string;
  constructor(name: string, device = 'cpu, 1 thread') {
    this.package = name;
    this.device = device;
  }
  readonly open = async () => {
    this.started += 1;
    const backend = Object.assign(new ReferenceBackend(), { manifest: this.manifest });
    return { backend, close: async () => void (this.closed += 1) };
  };
  get manifest(): BackendManifest {
    return { ...new ReferenceBackend().manifest, id: this.package, device: this.device };
  }
  probe(step: number): BackendProbe {
    return { package: this.package, manifest: this.manifest, rates: { matrix: step, step } };
  }
}

/** As if it had measured: 7 · 10⁹ operations a second. */
const measure = async () => ({ matrix: 7, step: 7 });

/** Remembers in memory. */
function memory(probes?: readonly BackendProbe[]) {
  const kept = { probes, times: 0 };
  return {
    kept,
    recall: async () => kept.probes,
    keep: async (given: readonly BackendProbe[]) => {
      kept.probes = given;
      kept.times += 1;
    },
  };
}

test('measures every candidate, starts the fastest and keeps what was measured', async () => {
  const slow = new Counted('slow');
  const kept = memory();
  const verdicts: BackendVerdict[] = [];
  const auto = new AutoBackend([broken('broken'), slow], {
    memory: kept,
    measure,
    onBackend: (verdict) => verdicts.push(verdict),
  });
  const backend = await auto.start();
  expect(await auto.start()).toBe(backend);
  expect(backend.manifest.id).toBe('slow');
  expect(slow.started).toBe(2); // to be measured, once as nothing is close, and to be used
  expect(verdicts).toMatchObject([{ package: 'slow', remembered: false }]);
  expect(verdicts[0]?.why).toMatch(
    /slow on cpu, 1 thread: 7 GFLOP\/s on FreeBind's training step, against broken does not run here/,
  );
  expect(kept.kept.probes).toMatchObject([
    { package: 'broken', problem: 'broken lacks a driver.' },
    { package: 'slow', rates: { matrix: 7, step: 7 } },
  ]);
  await auto.close();
  await expect(auto.start()).rejects.toMatchObject({ code: 'FREEBIND_CLOSED' });
  expect(slow.closed).toBe(slow.started);
});

test('measures what is close a second time, and goes by the better of the two', async () => {
  const [disturbed, steady, slow] = [new Counted('disturbed'), new Counted('steady'), new Counted('slow')];
  const steps: Readonly<Record<string, readonly number[]>> = { disturbed: [12, 190], steady: [30, 28], slow: [1] };
  const times = new Map<string, number>();
  const kept = memory();
  const auto = new AutoBackend([disturbed, broken('broken'), steady, slow], {
    memory: kept,
    measure: async ({ manifest: { id } }) => {
      const time = times.get(id) ?? 0;
      times.set(id, time + 1);
      return { matrix: 1, step: steps[id]?.[time] ?? Number.NaN };
    },
  });
  expect((await auto.start()).manifest.id).toBe('disturbed');
  expect(Object.fromEntries(times)).toEqual({ disturbed: 2, steady: 2, slow: 1 });
  expect(kept.kept.probes?.map(({ rates }) => rates?.step)).toEqual([190, undefined, 30, 1]);
});

test('measures what trains a second time, however much faster something that does not is at products', async () => {
  const rates: Readonly<Record<string, readonly BackendRates[]>> = {
    one: [
      { matrix: 20, step: 12 },
      { matrix: 20, step: 40 },
    ],
    other: [{ matrix: 20, step: 30 }],
    products: [{ matrix: 900 }],
  };
  const times = new Map<string, number>();
  const auto = new AutoBackend(
    Object.keys(rates).map((name) => new Counted(name)),
    {
      measure: async ({ manifest: { id } }) => {
        const time = times.get(id) ?? 0;
        times.set(id, time + 1);
        return rates[id]?.[time] ?? rates[id]?.[0] ?? { matrix: Number.NaN };
      },
    },
  );
  expect((await auto.start()).manifest.id).toBe('one');
  expect(Object.fromEntries(times)).toEqual({ one: 2, other: 2, products: 1 });
});

test('goes by what is remembered, without starting the others', async () => {
  const [one, two] = [new Counted('one'), new Counted('two', 'SwiftShader Device')];
  const verdicts: BackendVerdict[] = [];
  const auto = new AutoBackend([two, one], {
    memory: memory([two.probe(0.8), one.probe(90)]),
    onBackend: (verdict) => verdicts.push(verdict),
  });
  expect((await auto.start()).manifest.id).toBe('one');
  expect([one.started, two.started]).toEqual([1, 0]);
  expect(verdicts[0]).toMatchObject({
    remembered: true,
    why: "backend auto is one on cpu, 1 thread: 90 GFLOP/s on FreeBind's training step, against 0.8 of two on SwiftShader Device, which loses to the processor (measured earlier)",
    probes: [{ package: 'one' }, { package: 'two' }],
  });
});

test('measures again when the remembered one is on another device now, or does not start', async () => {
  const [one, two] = [new Counted('one'), new Counted('two')];
  const kept = memory([one.probe(90), two.probe(10)]);
  one.device = 'cpu, 8 threads';
  await new AutoBackend([one, two], { memory: kept, measure }).start();
  expect(kept.kept.times).toBe(1);
  expect(one.closed).toBeGreaterThan(0);

  const gone: BackendCandidate = { package: 'gone', open: () => Promise.reject(new Error('gone')) };
  const again = memory([{ ...one.probe(90), package: 'gone' }, two.probe(10)]);
  expect((await new AutoBackend([gone, two], { memory: again, measure }).start()).manifest.id).toBe('two');
  expect(again.kept.probes).toMatchObject([{ package: 'gone', problem: 'gone' }, { package: 'two' }]);
});

test('takes the only candidate without measuring it', async () => {
  const only = new Counted('only');
  const verdicts: BackendVerdict[] = [];
  await new AutoBackend([only], { memory: memory(), onBackend: (verdict) => verdicts.push(verdict) }).start();
  expect(only.started).toBe(1);
  expect(verdicts[0]?.why).toBe('backend auto is only on cpu, 1 thread, the only one that is installed');
});

/** One that does not start. */
const broken = (name: string): BackendCandidate => ({
  package: name,
  open: () => Promise.reject(new Error(`${name} lacks a driver.`)),
});

test('says why no candidate runs, or that there is none', async () => {
  await expect(new AutoBackend([broken('a'), broken('b')]).start()).rejects.toMatchObject({
    code: 'FREEBIND_DEVICE_UNAVAILABLE',
    message: expect.stringMatching(/a: a lacks a driver\. b: b lacks a driver\./),
  });
  await expect(new AutoBackend([]).start()).rejects.toMatchObject({
    code: 'FREEBIND_PLUGIN_MISSING',
    message: expect.stringContaining('npm i @freebind/backend-onnx'),
  });
});

describe('what is remembered', () => {
  test('is one file by machine, versions and options, and nothing when a candidate was configured in code', async () => {
    const store = new FolderStore(await makeFolder());
    const candidates = [new Counted('one'), new Counted('two')];
    const probes = candidates.map((candidate) => candidate.probe(3));
    await probeMemory(candidates, store)?.keep(probes);
    expect(await probeMemory(candidates.toReversed(), store)?.recall()).toEqual(probes);
    const [one, two] = candidates;
    const others: readonly (readonly BackendCandidate[])[] = [
      candidates.slice(1),
      candidates.map(({ package: name, open }) => ({
        package: name,
        open,
        identity: { version: '1.0.1', options: {} },
      })),
      candidates.map(({ package: name, open }) => ({
        package: name,
        open,
        identity: { version: '1.0.0', options: { threads: 2 } },
      })),
    ];
    for (const other of others) expect(await probeMemory(other, store)?.recall()).toBeUndefined();
    const inCode = [one, two].flatMap((candidate) => (candidate ? { package: 'x', open: candidate.open } : []));
    expect(probeMemory(inCode, store)).toBeUndefined();
    expect(await store.keys()).toHaveLength(1);
  });

  test('is measured anew after a week, as a driver may be there that was not', async () => {
    const store = new FolderStore(await makeFolder());
    const candidates = [new Counted('one'), broken('two')].map((one) => ({
      ...one,
      identity: { version: '1', options: {} },
    }));
    const kept = probeMemory(candidates, store);
    const now = vi.spyOn(Date, 'now');
    onTestFinished(() => now.mockRestore());
    now.mockReturnValue(1e12);
    const probes = [new Counted('one').probe(3), { package: 'two', problem: 'lacks a driver' }];
    await kept?.keep(probes);
    now.mockReturnValue(1e12 + 6 * 86_400_000);
    expect(await kept?.recall()).toEqual(probes);
    for (const later of [8, -8]) {
      now.mockReturnValue(1e12 + later * 86_400_000);
      expect(await kept?.recall()).toBeUndefined();
    }
  });

  test('is measured anew when the file is damaged, and not needed where nothing can be written', async () => {
    const folder = await makeFolder();
    const store = new FolderStore(folder);
    const candidates = [new Counted('one'), new Counted('two')];
    const kept = probeMemory(candidates, store);
    await kept?.keep(candidates.map((candidate) => candidate.probe(3)));
    const [file = ''] = await readdir(join(folder, 'backend-probes'));
    const whole = await readFile(join(folder, 'backend-probes', file), 'utf8');
    for (const damaged of ['{', '7', '{"probes":[]}', whole.replace('"matrix": 3', '"matrix": "fast"')]) {
      await writeFile(join(folder, 'backend-probes', file), damaged);
      expect(await kept?.recall()).toBeUndefined();
    }
    const blocked = new FolderStore(join(folder, 'backend-probes', file)); // a file, where a folder would have to be
    await expect(probeMemory(candidates, blocked)?.keep([])).resolves.toBeUndefined();
  });
});

describe('backend: auto', () => {
  test('chooses among what is installed on first use, and knows it the second time', async () => {
    vi.stubEnv('XDG_CACHE_HOME', await makeFolder());
    vi.stubEnv('FREEBIND_BACKEND', 'auto');
    const manifest = { apiVersion: 1, package: '@someone/backend-toy', backends: ['toy'] };
    const folder = await makeFolder({
      ...pluginPackage('@someone/backend-toy', manifest),
      'package.json': JSON.stringify({ dependencies: { '@someone/backend-toy': '1', 'left-pad': '1' } }),
    });
    const verdicts: BackendVerdict[] = [];
    const choose = async (backend?: 'auto'): Promise<BackendManifest> => {
      const onBackend = (verdict: BackendVerdict) => void verdicts.push(verdict);
      const fb = await freebind({ folder, onBackend, ...(backend && { backend }) });
      const { length } = verdicts;
      const { manifest: chosen } = await fb.backend();
      expect(verdicts).toHaveLength(length + 1); // nothing is started before it is used
      await fb.close();
      return chosen;
    };
    const chosen = await choose();
    const [verdict] = verdicts;
    expect(verdict?.probes.map((probe) => probe.package)).toEqual(
      expect.arrayContaining(['@freebind/backend-onnx', '@freebind/backend-reference', '@someone/backend-toy']),
    );
    // The toy computes nothing, so it does not run.
    expect(verdict?.probes.find((probe) => probe.package === '@someone/backend-toy')?.problem).toBeDefined();
    expect(verdict?.probes[0]).toMatchObject({ package: verdict?.package, manifest: chosen });
    expect(await choose('auto')).toEqual(chosen);
    expect(verdicts.map(({ remembered }) => remembered)).toEqual([false, true]);
  });

  test('takes plugins that were configured in code as they are', async () => {
    const folder = await makeFolder();
    const plugin = reference({ precision: 'float64' });
    const candidates = await backendCandidates({
      folder,
      loaded: [{ choice: plugin, plugin }],
      options: { threads: 1 },
    });
    const of = (name: string) => candidates.find((candidate) => candidate.package === name);
    expect(candidates.filter((candidate) => candidate.package === '@freebind/backend-reference')).toHaveLength(1);
    const started = await of('@freebind/backend-reference')?.open();
    expect(started?.backend.manifest.precision).toBe('float64');
    await started?.close();
    expect(of('@freebind/backend-reference')?.identity).toBeUndefined();
    expect(of('@freebind/backend-onnx')?.identity).toMatchObject({ version: '0.1.0', options: { threads: 1 } });
  });

  test('knows plugins that a config names by their version and options', async () => {
    const folder = await makeFolder();
    const choice = ['@freebind/backend-reference', { precision: 'float64' }] as const;
    const loaded = [{ choice, plugin: reference(choice[1]) }];
    const [first] = await backendCandidates({ folder, loaded, options: { threads: 1 } });
    expect(first).toMatchObject({ package: choice[0], identity: { version: '0.1.0', options: choice[1] } });
  });
});

test('measures products, and steps where there is training', async () => {
  const backend = new ReferenceBackend();
  const rates = await measureBackend(backend);
  expect(rates).toEqual({ matrix: expect.any(Number), step: expect.any(Number) });
  const { training: _training, ...manifest } = backend.manifest;
  expect(Object.keys(await measureBackend(Object.assign(backend, { manifest })))).toEqual(['matrix']);
  for (const rate of Object.values(rates)) expect(rate).toBeGreaterThan(0);
});

test('goes by the fastest of several runs: others were disturbed, and do not end the growth of the steps', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const backend = new ReferenceBackend();
  let runs = 0;
  /** 10¹¹ operations a second, but for 100 ms more in every other run. */
  backend.openTrainer = async ({ batch, networks }) => {
    const layers = networks.p?.layers ?? [];
    const shape = { batch, input: inputWidth(layers), hidden: 2 * inputWidth(layers), output: outputWidth(layers) };
    // Nothing else of either is called.
    return {
      step: async () => vi.advanceTimersByTime(stepOperations(shape) / 1e8 + (runs++ % 2 === 0 ? 0 : 100)),
      close: async () => undefined,
    } as unknown as Trainer;
  };
  backend.openBank = async () =>
    ({ scores: async () => vi.advanceTimersByTime(100), close: async () => undefined }) as unknown as BankRunner;
  expect((await measureBackend(backend)).step).toBeCloseTo(100, 0);
});
