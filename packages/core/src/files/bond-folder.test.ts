import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { adapter } from '../adapter.ts';
import type { BondData } from '../bond.ts';
import { isFreebindError } from '../errors.ts';
import { initialise, type Layer, type Network } from '../network.ts';
import { projector } from '../projector.ts';
import { random } from '../random.ts';
import { BOND_FILE, findBonds, readBond, writeBond } from './bond-folder.ts';
import { WEIGHTS_FILE } from './network-folder.ts';
import type { Json, Provenance } from './provenance.ts';
import { openSafetensors } from './safetensors.ts';
import { writeSafetensors } from './safetensors-writer.ts';
import { type FusedSpaceData, readFusedSpace, SPACE_FILE, writeFusedSpace } from './space-folder.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'freebind-bonds-'));
});
afterEach(() => rm(dir, { recursive: true }));

const network = (layers: readonly Layer[], name: string): Network => initialise(layers, random(7, name), 'xavier');
const head = (name: string, output = 3): Network => network(projector({ input: 5, output, hidden: 4 }), name);

const bond: BondData = {
  manifest: {
    id: 'clap into imagebind',
    kind: 'combination',
    from: { space: 'clap', dimension: 5 },
    into: { space: 'imagebind + d(internvl)', dimension: 3 },
    shared: ['audio', 'text'],
    heads: ['mix', 'A'],
  },
  networks: { mix: head('mix'), A: head('A') },
};

const provenance: Provenance = {
  createdBy: { package: '@freebind/core', version: '0.1.0' },
  options: { batch: 4096, subsets: ['mix', 'A'], nested: { on: true, none: null } },
  seed: 7,
  backend: { id: 'reference', precision: 'float64' },
  lossCurve: { mix: [4.1, 3.2], A: [4] },
  data: { 'clap.audio.npy': 'sha256:00' },
  source: 'FreeBind (ICML 2024)',
  license: 'unknown',
  notes: ['a note'],
};

const space: FusedSpaceData = {
  manifest: {
    id: 'fused',
    dimension: 6,
    modalities: ['image', 'text'],
    source: { paper: 'arXiv 2312.10144', checkpoint: 'none', license: 'unknown' },
  },
  adapters: {
    image: network(adapter({ input: 4, output: 6, blocks: 2 }), 'image'),
    text: network(adapter({ input: 3, output: 6, blocks: 1 }), 'text'),
  },
  temperature: 0.0123,
};

/** Changes what the JSON file of a folder says. */
/** Changes what a folder's JSON says as a person does who means it: without the checksums. */
async function editJson(path: string, edit: (facts: Record<string, unknown>) => unknown): Promise<void> {
  // Both files are JSON objects.
  const { checksums: _, ...facts } = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  await writeFile(path, JSON.stringify(edit(facts)));
}

/** The bytes of a file with one bit turned. */
async function turnBit(path: string, byte: number, bit: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[byte] = (bytes[byte] ?? 0) ^ (1 << bit);
  await writeFile(path, bytes);
}

describe('a bond folder', () => {
  test('gives back the bond and its provenance, bit for bit', async () => {
    const path = join(dir, 'bond');
    await writeBond(path, bond, provenance);
    expect(await readdir(path)).toEqual([BOND_FILE, WEIGHTS_FILE]);
    expect(await readBond(path)).toEqual({ bond, provenance });
    const file = await openSafetensors(join(path, WEIGHTS_FILE));
    expect(file.names).toContain('mix/0.weight');
    await file.close();
  });

  test('with any bit turned is refused, or has lost nothing but white space', async () => {
    const path = join(dir, 'bond');
    for (let trial = 0; trial < 60; trial++) {
      await rm(path, { recursive: true, force: true });
      await writeBond(path, bond, provenance);
      const name = trial % 2 === 0 ? BOND_FILE : WEIGHTS_FILE;
      const { size } = await stat(join(path, name));
      const at = random('turned bit', trial);
      await turnBit(join(path, name), at.below(size), at.below(8));
      const read = await readBond(path).catch((error: unknown) => error);
      const refused = isFreebindError(read, 'FREEBIND_FILE_INVALID') || isFreebindError(read, 'FREEBIND_BOND_INVALID');
      expect(refused ? { bond, provenance } : read).toEqual({ bond, provenance });
    }
  });

  test('is read without checksums, as folders of before had none', async () => {
    const path = join(dir, 'bond');
    await writeBond(path, bond, provenance);
    await editJson(join(path, BOND_FILE), (facts) => facts);
    expect(await readBond(path)).toEqual({ bond, provenance });
  });

  test('is the same bytes when it is written again', async () => {
    const bytes: Buffer[] = [];
    for (const name of ['first', 'second']) {
      await writeBond(join(dir, name), bond, provenance);
      bytes.push(await readFile(join(dir, name, BOND_FILE)), await readFile(join(dir, name, WEIGHTS_FILE)));
    }
    expect(bytes[0]).toEqual(bytes[2]);
    expect(bytes[1]).toEqual(bytes[3]);
  });

  test('is not written when it could not be read again', async () => {
    const diverged = { lossCurve: { mix: [4, Number.NaN] } };
    const error = await writeBond(join(dir, 'bond'), bond, diverged).catch((e: unknown) => e);
    expect(String(error)).toContain('provenance.lossCurve.mix.1');
    expect(await readdir(dir)).toEqual([]);
  });

  test('keeps a loss curve on one line of its JSON, whatever brackets are in its notes', async () => {
    const notes = ['[\n1, 2\n]', '] [', '{', 'a,\n  b'];
    await writeBond(join(dir, 'bond'), bond, { lossCurve: { mix: [4.5, 3, 2] }, notes });
    const text = await readFile(join(dir, 'bond', BOND_FILE), 'utf8');
    expect(text).toContain('"mix": [4.5, 3, 2]');
    expect((await readBond(join(dir, 'bond'))).provenance.notes).toEqual(notes);
  });

  test('is replaced only when asked to', async () => {
    await writeBond(join(dir, 'bond'), bond, {});
    await expect(writeBond(join(dir, 'bond'), bond, {})).rejects.toMatchObject({ code: 'FREEBIND_OUTPUT_EXISTS' });
    await writeBond(join(dir, 'bond'), bond, { seed: 8 }, { replace: true });
    expect((await readBond(join(dir, 'bond'))).provenance).toEqual({ seed: 8 });
  });

  test('never replaces a folder of somebody else, nor one that holds more than a bond', async () => {
    await writeFile(join(dir, 'thesis.txt'), 'years of work');
    const refused = await writeBond(dir, bond, {}, { replace: true }).catch((e: unknown) => e);
    expect(refused).toMatchObject({ code: 'FREEBIND_OUTPUT_EXISTS' });
    expect(String(refused)).toContain(`${dir} holds thesis.txt`);
    expect(await readFile(join(dir, 'thesis.txt'), 'utf8')).toBe('years of work');
    const path = join(dir, 'fused');
    await writeFusedSpace(path, space, {});
    await expect(writeBond(path, bond, {}, { replace: true })).rejects.toThrow(`holds ${SPACE_FILE}`);
    await writeFusedSpace(path, space, provenance, { replace: true });
    expect(await readFusedSpace(path)).toEqual({ space, provenance });
  });

  test('is found as itself and as a direct subfolder, without reading weights', async () => {
    const [b, a] = [join(dir, 'b'), join(dir, 'a')];
    await writeBond(b, bond, {});
    await writeBond(a, { ...bond, manifest: { ...bond.manifest, id: 'other' } }, {});
    await mkdir(join(dir, 'c', 'deeper'), { recursive: true });
    await writeFile(join(dir, 'README.md'), '');
    await symlink('loop', join(dir, 'loop'));
    await rm(join(b, WEIGHTS_FILE));
    const found = await findBonds(dir);
    expect(found.map(({ path, manifest }) => [path, manifest.id])).toEqual([
      [a, 'other'],
      [b, 'clap into imagebind'],
    ]);
    expect(await findBonds(a)).toEqual([found[0]]);
    expect(await findBonds(join(dir, 'c'))).toEqual([]);
    await expect(findBonds(join(dir, 'nowhere'))).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
  });

  test.each<[string, (facts: Record<string, unknown>) => unknown, string]>([
    ['has no version', (facts) => ({ ...facts, formatVersion: undefined }), 'no formatVersion'],
    ['is of a later version', (facts) => ({ ...facts, formatVersion: 2 }), 'formatVersion 2'],
    ['is a list', () => [1], 'no formatVersion'],
    ['lacks its manifest', (facts) => ({ ...facts, manifest: undefined }), 'manifest'],
    ['says an unknown key', (facts) => ({ ...facts, extra: 1 }), 'extra'],
    ['has a layer of an unknown kind', (facts) => ({ ...facts, layers: { mix: [{ kind: 'eval' }] } }), 'layers.mix.0'],
    ['has a loss curve of words', (facts) => ({ ...facts, provenance: { lossCurve: { mix: ['x'] } } }), 'lossCurve'],
  ])('is refused when its JSON %s', async (_, edit, found) => {
    const path = join(dir, 'bond');
    await writeBond(path, bond, provenance);
    await editJson(join(path, BOND_FILE), edit);
    const error = await readBond(path).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'FREEBIND_FILE_INVALID' });
    expect(String(error)).toContain(found);
    expect(String(error)).toContain(join(path, BOND_FILE));
  });

  test('is refused when files are missing or not JSON', async () => {
    const path = join(dir, 'bond');
    await expect(readBond(path)).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
    await writeBond(path, bond, {});
    await rm(join(path, WEIGHTS_FILE));
    await expect(readBond(path)).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
    await writeFile(join(path, BOND_FILE), '{ half');
    await expect(readBond(path)).rejects.toThrow('is not JSON');
  });

  test.each([
    [
      'residual blocks',
      'layers',
      (inner: string) =>
        `{"mix":${'[{"kind":"residual","name":"r","layers":'.repeat(20_000)}${inner}${'}]'.repeat(20_000)}}`,
    ],
    ['lists', 'provenance', (inner: string) => `{"options":${'['.repeat(200_000)}${inner}${']'.repeat(200_000)}}`],
    [
      'lists in its version',
      'formatVersion',
      (inner: string) => `${'['.repeat(200_000)}${inner}${']'.repeat(200_000)}`,
    ],
  ])('is refused when its JSON nests %s deeper than the stack', async (_, key, nest) => {
    const path = join(dir, 'bond');
    await writeBond(path, bond, {});
    const text = await readFile(join(path, BOND_FILE), 'utf8');
    const facts: unknown = JSON.parse(text, (name, value: unknown) => (name === key ? '@' : value));
    await writeFile(join(path, BOND_FILE), JSON.stringify(facts).replace('"@"', nest('[]')));
    for (const read of [() => readBond(path), () => findBonds(dir)]) {
      const error = await read().catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'FREEBIND_FILE_INVALID' });
      expect(String(error)).toContain(`${join(path, BOND_FILE)} has lists or objects within each other`);
    }
  });

  test('is not written when its options nest without end', async () => {
    const options: Record<string, Json> = {};
    options['self'] = options;
    await expect(writeBond(join(dir, 'bond'), bond, { options })).rejects.toMatchObject({
      code: 'FREEBIND_FILE_INVALID',
    });
    expect(await readdir(dir)).toEqual([]);
  });

  const relu: Layer = { kind: 'relu' };
  const narrow: Layer = { kind: 'linear', name: '9', input: 2, output: 3 };
  test.each<[string, readonly Layer[], string]>([
    ['does not say a width', [relu], 'No layer says how wide its rows are'],
    [
      'has layers of other widths',
      [...projector({ input: 5, output: 3, hidden: 4 }), narrow],
      'takes rows of 2 columns',
    ],
    [
      'has a residual block that changes the width',
      [{ kind: 'residual', name: 'r', layers: [{ ...narrow, input: 5 }] }],
      'must keep the width',
    ],
  ])('is refused, on reading and writing, when a head %s', async (_, layers, found) => {
    const path = join(dir, 'bond');
    const broken = { layers, weights: {} };
    const written = await writeBond(path, { ...bond, networks: { ...bond.networks, A: broken } }, {}).catch(
      (e: unknown) => e,
    );
    await writeBond(path, bond, {});
    await editJson(join(path, BOND_FILE), (facts) => ({
      ...facts,
      layers: { mix: bond.networks['mix']?.layers, A: layers },
    }));
    const read = await readBond(path).catch((e: unknown) => e);
    for (const error of [written, read]) {
      expect(error).toMatchObject({ code: 'FREEBIND_BOND_INVALID' });
      expect(String(error)).toContain(found);
      expect(String(error)).toContain(path);
    }
  });

  test('is not written with weights that are missing, misshapen or not finite', async () => {
    const path = join(dir, 'bond');
    const { layers, weights } = head('A');
    const { '0.bias': bias, ...withoutBias } = weights;
    if (bias === undefined) throw new TypeError('a projector has a first bias');
    const wrong: readonly (readonly [Network['weights'], string])[] = [
      [withoutBias, 'no weight "0.bias"'],
      [{ ...weights, '0.bias': { shape: [3], data: bias.data } }, 'has shape [3]'],
      [{ ...weights, '0.bias': { ...bias, data: bias.data.map(() => NaN) } }, 'NaN'],
    ];
    for (const [broken, found] of wrong) {
      const data = { ...bond, networks: { ...bond.networks, A: { layers, weights: broken } } };
      const error = await writeBond(path, data, {}).catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'FREEBIND_BOND_INVALID' });
      expect(String(error)).toContain(found);
      expect(String(error)).toContain(path);
    }
    expect(await readdir(dir)).toEqual([]);
  });

  test('is refused when manifest, layers and weights do not fit together', async () => {
    const path = join(dir, 'bond');
    await writeBond(path, bond, {});
    const weights = join(path, WEIGHTS_FILE);
    const file = await openSafetensors(weights);
    const tensors = Object.fromEntries(
      await Promise.all(file.names.map(async (n) => [n, await file.tensor(n)] as const)),
    );
    await file.close();
    const { 'A/0.bias': bias, ...withoutBias } = tensors;
    const damaged = [
      [withoutBias, 'no weight "0.bias"'],
      [{ ...withoutBias, 'A/0.bias': { shape: [3], data: new Float32Array(3) } }, 'has shape [3]'],
      [{ ...withoutBias, 'A/0.bias': { shape: [4], data: new Float32Array(4).fill(Number.NaN) } }, 'NaN'],
      [{ ...tensors, 'B/0.bias': bias ?? { shape: [0], data: new Float32Array() } }, 'holds "B/0.bias"'],
    ] as const;
    for (const [weightsThen, found] of damaged) {
      await writeSafetensors(weights, weightsThen);
      const error = await readBond(path).catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'FREEBIND_BOND_INVALID' });
      expect(String(error)).toContain(found);
    }
  });

  test('is not written when its heads are not those of the manifest or have other widths', async () => {
    const { manifest, networks } = bond;
    const wrong: readonly (readonly [BondData, string])[] = [
      [{ manifest, networks: { mix: head('mix') } }, 'lists the heads mix, A, but it has the networks mix'],
      [{ manifest: { ...manifest, heads: ['mix', 'mix'] }, networks }, 'lists the heads mix, mix'],
      [{ manifest, networks: { ...networks, A: head('A', 4) } }, 'head "A" maps 5 columns to 4'],
    ];
    for (const [data, found] of wrong) {
      const error = await writeBond(join(dir, 'bond'), data, {}).catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'FREEBIND_BOND_INVALID' });
      expect(String(error)).toContain(found);
    }
    expect(await readdir(dir)).toEqual([]);
  });
});

describe('a fused space folder', () => {
  test('gives back the adapters, the temperature and the provenance, bit for bit', async () => {
    const path = join(dir, 'space');
    await writeFusedSpace(path, space, provenance);
    expect(await readFusedSpace(path)).toEqual({ space, provenance });
    expect(await readdir(path)).toEqual([SPACE_FILE, WEIGHTS_FILE]);
  });

  test('is not mistaken for a bond, nor a bond for it', async () => {
    await writeFusedSpace(join(dir, 'space'), space, {});
    await expect(readBond(join(dir, 'space'))).rejects.toThrow('There is no bond.json');
    await cp(join(dir, 'space', SPACE_FILE), join(dir, 'space', BOND_FILE));
    await expect(readBond(join(dir, 'space'))).rejects.toMatchObject({ code: 'FREEBIND_FILE_INVALID' });
  });

  test('is refused when modalities or widths are not those of its manifest', async () => {
    const { image, text } = space.adapters;
    if (image === undefined || text === undefined) throw new TypeError('the space above has both');
    const wrong: readonly (readonly [FusedSpaceData, string])[] = [
      [{ ...space, adapters: { image } }, 'lists image, text, but it has adapters for image'],
      [
        { ...space, adapters: { image, text: { layers: [{ kind: 'relu' }], weights: {} } } },
        'adapter of text: No layer says',
      ],
      [{ ...space, manifest: { ...space.manifest, dimension: 7 } }, 'gives rows of 6 columns, but the space has 7'],
    ];
    for (const [data, found] of wrong) {
      const error = await writeFusedSpace(join(dir, 'space'), data, {}).catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'FREEBIND_BOND_INVALID' });
      expect(String(error)).toContain(found);
      expect(String(error)).toContain(join(dir, 'space'));
    }
    await writeFusedSpace(join(dir, 'space'), space, {});
    await editJson(join(dir, 'space', SPACE_FILE), (facts) => ({ ...facts, temperature: 0 }));
    await expect(readFusedSpace(join(dir, 'space'))).rejects.toThrow('temperature');
  });
});
