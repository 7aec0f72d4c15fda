import reference, { ReferenceBackend } from '@freebind/backend-reference';
import { writeBond } from '@freebind/core/files';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { makeFolder, pluginPackage } from '../test/toy-plugins.ts';
import { toyBond, toyShapes, ToySpace } from '../test/toy-spaces.ts';
import type { Backend } from './backend.ts';
import { freebind } from './freebind.ts';
import { type ConfiguredPlugin, definePlugin } from './plugin.ts';
import { BACKEND, BOND, SPACE, STORE } from './tokens.ts';

afterEach(() => vi.unstubAllEnvs());
const { unified, sound, vision } = toyShapes;

/** A plugin of toy spaces; which of its listed spaces it brings is an option. */
const toys = definePlugin<{ only: readonly ('unified' | 'sound' | 'vision')[] }>(
  { apiVersion: 1, package: 'space-toys', spaces: ['unified', 'sound', 'vision'] },
  ({ bind }, { only = ['unified', 'sound', 'vision'] }) => {
    for (const id of only) {
      bind(SPACE)
        .toResolvedValue(() => new ToySpace(toyShapes[id]))
        .inSingletonScope()
        .whenNamed(id);
    }
  },
);
/** A backend plugin that counts its starts. */
function counted(id = 'counted'): { plugin: ConfiguredPlugin; started: () => number; closed: () => number } {
  const backends: { closed: boolean }[] = [];
  const plugin = definePlugin({ apiVersion: 1, package: `backend-${id}`, backends: [id] }, ({ bind }) => {
    bind(BACKEND)
      .toConstantValue(async (): Promise<Backend> => {
        const backend = new ReferenceBackend();
        const state = { closed: false };
        backends.push(state);
        return Object.assign(backend, {
          close: async () => {
            state.closed = true;
          },
        });
      })
      .whenNamed(id);
  });
  return {
    plugin: plugin(),
    started: () => backends.length,
    closed: () => backends.filter(({ closed }) => closed).length,
  };
}
const bonds = [toyBond('combination', sound, unified), toyBond('displacement', unified, vision)];

describe('freebind', () => {
  test('runs the program of the README: plugins, a recipe, rows', async () => {
    const folder = await makeFolder();
    await writeBond(join(folder, 'bonds', 'sound-to-unified'), toyBond('combination', sound, unified), {});
    const fb = await freebind({ plugins: [reference(), toys()], folder });
    const space = await fb.bind('unified + c(sound)', { bonds: './bonds', factors: 'at-expertise' });
    const rows = await space.embed('audio', [{ channels: [new Float32Array(4)], sampleRate: 16_000 }]);
    expect(rows).toMatchObject({ rows: 1, cols: 6, space: 'unified + c(sound)', unit: true });
    expect(space.factors).toEqual([{ audio: 0.8, text: 0.5 }]);
    await fb.close();
    await expect(space.embed('text', ['a dog'])).rejects.toMatchObject({ code: 'FREEBIND_CLOSED' });
  });

  test('starts the backend on first use, once, and closes it', async () => {
    const { plugin, started, closed } = counted();
    const fb = await freebind({ plugins: [plugin, toys()], bonds });
    expect(started()).toBe(0);
    await expect(fb.bind('unified + c(sonud)')).rejects.toMatchObject({ code: 'FREEBIND_SPACE_UNKNOWN' });
    await expect(fb.bind('unified + c(sound)', { factors: 'loud' })).rejects.toMatchObject({
      code: 'FREEBIND_FACTOR_INVALID',
    });
    expect(started()).toBe(0); // nothing is started for a recipe that does not fit
    const [a, b] = await Promise.all([fb.backend(), fb.backend()]);
    expect(a).toBe(b);
    await fb.bind('unified + c(sound)');
    expect(started()).toBe(1);
    await fb.close();
    await fb.close();
    expect(closed()).toBe(1);
    await expect(fb.backend()).rejects.toMatchObject({ code: 'FREEBIND_CLOSED' });
  });

  test('makes each space once, closes those it made, and no others', async () => {
    const fb = await freebind({ plugins: [toys(), reference()], bonds });
    expect(fb.spaces).toEqual(['unified', 'sound', 'vision']);
    const space = await fb.space('unified');
    const bound = await fb.bind('unified + c(sound)');
    const extra = new ToySpace({ id: 'extra', dimension: 3, modalities: ['text'] });
    const again = await fb.bind('"unified + c(sound)" + c(extra)', {
      spaces: [bound, extra],
      bonds: [toyBond('combination', extra.manifest, bound.manifest)],
    });
    expect(again.manifest.id).toBe('unified + c(sound) + c(extra)');
    expect((await again.embed('text', ['a dog', 'a cat'])).rows).toBe(2);
    expect(await fb.space('unified')).toBe(space);
    await fb.close();
    expect(space).toMatchObject({ closed: 1 });
    expect(extra.closed).toBe(0);
  });

  test('lends plugins a store in its folder', async () => {
    const folder = await makeFolder();
    let path: string | undefined;
    const keeping = definePlugin({ apiVersion: 1, package: 'space-keeping', spaces: ['keeping'] }, ({ bind }) => {
      bind(SPACE)
        .toResolvedValue(
          (store) => {
            path = store.path('weights');
            return new ToySpace(unified);
          },
          [STORE],
        )
        .whenNamed('keeping');
    });
    const fb = await freebind({ plugins: [keeping()], folder });
    await fb.space('keeping');
    expect(path).toBe(join(folder, '.freebind', 'weights'));
    await fb.close();
  });

  test('uses bonds that plugins bring', async () => {
    const data = toyBond('combination', sound, unified);
    const brought = definePlugin({ apiVersion: 1, package: 'bond-toy', bonds: ['toy'] }, ({ bind }) => {
      bind(BOND)
        .toConstantValue({
          manifest: data.manifest,
          carry: async (rows) => ({
            ...rows,
            cols: 6,
            data: new Float32Array(rows.rows * 6).fill(1),
            space: 'unified',
          }),
          close: async () => undefined,
        })
        .whenNamed('toy');
    });
    const fb = await freebind({ plugins: [brought(), toys(), reference()] });
    const { data: rows } = await (await fb.bind('unified + c(sound)', { factors: 'text=1' })).embed('text', ['x']);
    rows.forEach((x) => expect(x).toBeCloseTo(1 / Math.sqrt(6), 6));
    await fb.close();
  });

  test('composes spaces that are known by their shape alone', async () => {
    const fb = await freebind({ plugins: [reference()] });
    const composition = await fb.compose('unified + d(vision)', { spaces: [unified, vision], bonds });
    expect(composition.plan.space.id).toBe('unified + d(vision)');
    await fb.close();
  });
});

describe('the backend', () => {
  test('is the first that a plugin brings, or the one that is named by id or package', async () => {
    const [one, two] = [counted('one'), counted('two')];
    const plugins = [toys(), one.plugin, two.plugin];
    await (await freebind({ plugins })).backend();
    await (await freebind({ plugins, backend: 'two' })).backend();
    await (await freebind({ plugins, backend: 'backend-two' })).backend();
    expect([one.started(), two.started()]).toEqual([1, 2]);
  });

  test('is taken from the environment when the program names none', async () => {
    const [one, two] = [counted('one'), counted('two')];
    vi.stubEnv('FREEBIND_BACKEND', 'two');
    await (await freebind({ plugins: [one.plugin, two.plugin] })).backend();
    await (await freebind({ plugins: [one.plugin, two.plugin], backend: 'one' })).backend();
    expect([one.started(), two.started()]).toEqual([1, 1]);
  });

  test('is loaded by one line of config, with its options, though no plugin was listed', async () => {
    const manifest = { apiVersion: 1, package: '@someone/backend-toy', backends: ['toy'] };
    const folder = await makeFolder(pluginPackage('@someone/backend-toy', manifest));
    const device = async (backend: string | [string, object]): Promise<string> =>
      (await (await freebind({ folder, backend })).backend()).manifest.device;
    expect(await device('@someone/backend-toy')).toBe('{}');
    expect(await device('@someone/backend-toy:gpu')).toBe('{"device":"gpu"}');
    expect(await device(['@someone/backend-toy', { threads: 2 }])).toBe('{"threads":2}');
    expect(await device('["@someone/backend-toy", {"threads": 3}]')).toBe('{"threads":3}');
  });

  test('is the one that was named of a plugin that brings several, with options or without', async () => {
    const manifest = { apiVersion: 1, package: 'backend-two', backends: ['slow', 'fast'] };
    const folder = await makeFolder(pluginPackage('backend-two', manifest));
    const started = async (backend: string | [string, object]): Promise<unknown> =>
      (await (await freebind({ folder, plugins: ['backend-two'], backend })).backend()).manifest;
    expect(await started('fast')).toEqual({ id: 'fast' });
    expect(await started('backend-two')).toEqual({ id: 'slow' });
    expect(await started(['fast', { threads: 2 }])).toEqual({ id: 'fast', device: '{"threads":2}' });
    expect(await started(['backend-two', { threads: 2 }])).toEqual({ id: 'slow', device: '{"threads":2}' });
  });

  test.each(['[', '["reference"', '["reference"]', '["reference", 2]', '["reference", {}, {}]', '[7, {}]', '[]'])(
    'written as %s is refused with how options are written',
    async (backend) => {
      await expect(freebind({ backend })).rejects.toMatchObject({
        code: 'FREEBIND_ARGUMENT_INVALID',
        message: expect.stringContaining('is JSON, such as ["@freebind/backend-tfjs", {"runtime": "wasm"}]'),
      });
    },
  );

  test('of freebind is meant by a bare word', async () => {
    const fb = await freebind({ backend: ['reference', { precision: 'float64' }] });
    expect((await fb.backend()).manifest).toMatchObject({ id: 'reference', precision: 'float64' });
    await fb.close();
  });

  test('that is not there gives the line that installs it', async () => {
    const fb = await freebind({ plugins: [toys()], bonds });
    await expect(fb.bind('unified + c(sound)')).rejects.toMatchObject({
      code: 'FREEBIND_PLUGIN_MISSING',
      message: expect.stringContaining('npm i @freebind/backend-onnx'),
    });
    const folder = await makeFolder();
    await expect(freebind({ folder, backend: 'abacus' })).rejects.toThrow(/npm i @freebind\/backend-abacus$/);
  });

  test('that is a plugin of something else is refused', async () => {
    await expect(freebind({ backend: toys() })).rejects.toMatchObject({
      code: 'FREEBIND_CAPABILITY_MISSING',
      message: expect.stringContaining('brings unified, sound, vision'),
    });
  });

  test('that does not start says why, and may be tried again', async () => {
    let tries = 0;
    const shy = definePlugin({ apiVersion: 1, package: 'backend-shy', backends: ['shy'] }, ({ bind }) => {
      bind(BACKEND)
        .toConstantValue(async () => {
          tries += 1;
          if (tries === 1) throw new Error('no device');
          return new ReferenceBackend();
        })
        .whenNamed('shy');
    });
    const fb = await freebind({ plugins: [shy()] });
    await expect(fb.backend()).rejects.toMatchObject({
      code: 'FREEBIND_BACKEND_FAILED',
      message: expect.stringContaining('no device'),
      cause: expect.objectContaining({ message: 'no device' }),
    });
    await expect(fb.backend()).resolves.toBeInstanceOf(ReferenceBackend);
    await fb.close();
  });
});

describe('plugins', () => {
  test('may be configured to bring a part of what they list, and loaded twice for two parts', async () => {
    const fb = await freebind({ plugins: [toys({ only: ['unified'] }), toys({ only: ['sound'] })] });
    expect(fb.spaces).toEqual(['unified', 'sound']);
    await expect(fb.space('vision')).rejects.toMatchObject({ code: 'FREEBIND_SPACE_UNKNOWN' });
  });

  test('that bring the same space are refused', async () => {
    await expect(freebind({ plugins: [toys(), toys({ only: ['sound'] })] })).rejects.toMatchObject({
      code: 'FREEBIND_PLUGIN_INVALID',
      message: expect.stringContaining('both bring the space "sound"'),
    });
  });

  test('of another apiVersion are refused before the code of any plugin runs', async () => {
    let ran = false;
    const watched = definePlugin({ apiVersion: 1, package: 'watched' }, () => {
      ran = true;
    });
    const old = definePlugin({ apiVersion: 0, package: 'old' }, () => {
      ran = true;
    });
    await expect(freebind({ plugins: [watched(), old()] })).rejects.toMatchObject({
      code: 'FREEBIND_PLUGIN_INCOMPATIBLE',
    });
    expect(ran).toBe(false);
  });

  test('that were not called, or throw while they load, are refused with the reason', async () => {
    // What a program without types may write.
    await expect(freebind({ plugins: [reference as unknown as ConfiguredPlugin] })).rejects.toThrow(/call it/);
    const broken = definePlugin({ apiVersion: 1, package: 'broken' }, () => {
      throw new Error('no wheels');
    });
    await expect(freebind({ plugins: [broken()] })).rejects.toMatchObject({
      code: 'FREEBIND_PLUGIN_INVALID',
      message: expect.stringContaining('no wheels'),
    });
  });

  test('are loaded by name, from the folder', async () => {
    const folder = await makeFolder(
      pluginPackage('space-named', { apiVersion: 1, package: 'space-named', spaces: ['named'] }),
    );
    const fb = await freebind({ plugins: [['space-named', { size: 3 }], reference()], folder });
    expect(fb.plugins.map((plugin) => plugin.package)).toEqual(['space-named', '@freebind/backend-reference']);
    expect((await fb.space('named')).manifest).toMatchObject({ id: 'named', options: { size: 3 } });
    await fb.close();
  });
});
