import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { openSafetensors, RangedFile } from '@freebind/core/files';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { FIXTURES, goldenFolder } from '../test/golden.ts';
import { bytes, floats, join, op, pickleOf, tensorOf, uint64, type ZipLies, zipOf } from '../test/write-checkpoint.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';

const golden = joinPath(goldenFolder(), 'projectors');

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(joinPath(tmpdir(), 'freebind-torch-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let written = 0;
async function open(file: Uint8Array | string): Promise<Checkpoint> {
  const path = typeof file === 'string' ? file : joinPath(folder, `${written++}.pt`);
  if (typeof file !== 'string') await writeFile(path, file);
  const checkpoint = await readCheckpoint(path);
  onTestFinished(() => checkpoint.close());
  return checkpoint;
}

async function numbers(checkpoint: Checkpoint, name: string): Promise<readonly number[]> {
  const tensor = await checkpoint.tensors.get(name)?.read();
  return [...(tensor?.data ?? [])];
}

const saved = (pickle: Uint8Array, storages: readonly Uint8Array[] = [floats([1, 2, 3, 4, 5, 6])]): Uint8Array =>
  zipOf({ 'x/data.pkl': pickle, ...Object.fromEntries(storages.map((data, i) => [`x/data/${i}`, data])) });

const invalid = { code: 'FREEBIND_FILE_INVALID' };
const unsafe = { code: 'FREEBIND_FILE_UNSAFE' };

interface Expected {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

describe.each(['edge_tensors.pt', 'edge_tensors_legacy.pt'])('%s', (file) => {
  test('reads every tensor, value for value', async () => {
    const text = await readFile(joinPath(golden, 'edge_tensors.expected.json'), 'utf8');
    // The file is ours; its form is stated by the script that made it.
    const expected = JSON.parse(text) as Readonly<Record<string, Expected>>;
    const checkpoint = await open(joinPath(golden, file));
    expect([...checkpoint.tensors.keys()].sort()).toEqual(Object.keys(expected).sort());
    expect(checkpoint.format).toBe(file.includes('legacy') ? 'legacy' : 'zip');
    for (const [name, { dtype, shape, values }] of Object.entries(expected)) {
      const stored = checkpoint.tensors.get(name);
      const tensor = await stored?.read();
      expect({ name, dtype: `torch.${stored?.dtype}`, shape: tensor?.shape }).toEqual({ name, dtype, shape });
      // JSON holds float64 numbers that are exactly the float32, float16 or bfloat16 ones.
      expect({ name, values: [...(tensor?.data ?? [])] }).toEqual({ name, values });
    }
  });
});

test('finds the state dict below "model", and gives the rest as plain values', async () => {
  const checkpoint = await open(joinPath(golden, 'edge_nested_ckpt.pt'));
  expect([...checkpoint.tensors.keys()]).toEqual(['model.w']);
  expect([...checkpoint.stateDict.keys()]).toEqual(['w']);
  expect(checkpoint.stateDict.get('w')?.shape).toEqual([2, 2]);
  const { value } = checkpoint;
  expect(value instanceof Map && [...value.keys()]).toEqual(['model', 'epoch', 'lr', 'name', 'opt']);
  expect(value instanceof Map && [value.get('epoch'), value.get('lr'), value.get('name')]).toEqual([3, 0.001, 'x']);
  expect(value instanceof Map && value.get('opt')).toEqual(new Map([['state', [1, 2, [3, null]]]]));
});

test('a tensor that two names share is given under both', async () => {
  const pickle = join(
    [op.proto(), op.dict, op.mark, op.text('a'), tensorOf({ shape: [6] }), op.put(0), op.text('b'), op.get(0)],
    [op.setItems, op.stop],
  );
  const checkpoint = await open(saved(pickle));
  expect(await numbers(checkpoint, 'a')).toEqual([1, 2, 3, 4, 5, 6]);
  expect(await numbers(checkpoint, 'b')).toEqual([1, 2, 3, 4, 5, 6]);
});

test('an ordered dict keeps its tensors, and its attributes are dropped', async () => {
  const pickle = join(
    [op.proto(), op.global('collections', 'OrderedDict'), op.emptyTuple, op.reduce],
    [op.mark, op.text('w'), tensorOf({ shape: [2, 3] }), op.setItems],
    [op.dict, op.text('_metadata'), op.int(1), op.setItem, op.build, op.stop],
  );
  expect(await numbers(await open(saved(pickle)), 'w')).toEqual([1, 2, 3, 4, 5, 6]);
});

test('reads a zip64 archive', async () => {
  const entries = { 'x/data.pkl': pickleOf({ w: tensorOf({ shape: [2] }) }), 'x/data/0': floats([7, 8]) };
  expect(await numbers(await open(zipOf(entries, { zip64: true })), 'w')).toEqual([7, 8]);
});

test('reads only the bytes of the tensor that is asked for', async () => {
  const far = 2 ** 20;
  const pickle = pickleOf({ w: tensorOf({ shape: [2, 2], stride: [2, 1], offset: far - 8, length: far }) });
  const data = new Float32Array(far);
  data.set([5, 6, 7, 8], far - 8);
  const reads = vi.spyOn(RangedFile.prototype, 'read');
  onTestFinished(() => reads.mockRestore());
  expect(await numbers(await open(saved(pickle, [floats(data)])), 'w')).toEqual([5, 6, 7, 8]);
  // The end of the file, where a zip's directory is, takes the longest read: yauzl looks for it in the last 64 KiB.
  expect(Math.max(...reads.mock.calls.map(([, length]) => length))).toBeLessThan(70_000);
  expect(reads.mock.calls.at(-1)?.[1]).toBe(4 * 4);
});

test('closing twice is quiet, and reading afterwards is an error', async () => {
  const checkpoint = await open(saved(pickleOf({ w: tensorOf({ shape: [6] }) })));
  await checkpoint.close();
  await checkpoint.close();
  await expect(checkpoint.tensors.get('w')?.read()).rejects.toMatchObject({ code: 'FREEBIND_CLOSED' });
});

test('a whole number that float64 cannot hold is refused when it is read, not before', async () => {
  const pickle = pickleOf({ n: tensorOf({ shape: [1], storage: 'LongStorage' }) });
  const checkpoint = await open(saved(pickle, [uint64(2 ** 53)]));
  await expect(checkpoint.tensors.get('n')?.read()).rejects.toMatchObject({ code: 'FREEBIND_NUMBER_INVALID' });
});

describe('a file that asks for code to be run', () => {
  test.each(['evil_os_system.pt', 'evil_builtins_eval.pt', 'evil_raw_pickle.pt'])(
    '%s is refused, and nothing runs',
    async (file) => {
      await expect(readCheckpoint(joinPath(golden, 'malicious', file))).rejects.toMatchObject(unsafe);
      expect(existsSync('PWNED')).toBe(false);
    },
  );

  test.each([
    ['a name that is not on the list', op.global('os', 'system'), 'os.system'],
    ['a name of PyTorch that is not on the list', op.global('torch.hub', 'load'), 'torch.hub.load'],
    ['a name in the prototype chain', op.global('toString', ''), 'toString.'],
    [
      'a call of what is only a name',
      join(op.global('torch', 'FloatStorage'), op.emptyTuple, op.reduce),
      'FloatStorage',
    ],
    ['NEWOBJ', join(op.global('collections', 'OrderedDict'), op.emptyTuple, bytes(0x81)), 'NEWOBJ'],
    ['INST', join(op.mark, 'ios\nsystem\n'), 'INST'],
    ['OBJ', join(op.mark, 'o'), 'OBJ'],
    ['EXT1', bytes(0x82, 1), 'EXT1'],
  ])('is refused with what it asks for: %s', async (_, code, named) => {
    await expect(open(saved(join(op.proto(), code, op.stop)))).rejects.toMatchObject({
      ...unsafe,
      message: expect.stringContaining(named),
    });
  });
});

describe('a tensor that lies', () => {
  test.each([
    ['reaches beyond its storage', { shape: [7], length: 6 }],
    ['begins beyond its storage', { shape: [1], offset: 6, length: 6 }],
    ['strides beyond its storage', { shape: [3, 2], stride: [3, 1], length: 6 }],
    ['has a negative size', { shape: [-1], length: 6 }],
    ['has a negative offset', { shape: [1], offset: -1, length: 6 }],
    ['has a negative stride', { shape: [2], stride: [-1], offset: 1, length: 6 }],
    ['has a stride too few', { shape: [2, 3], stride: [1], length: 6 }],
    ['claims a longer storage than there is', { shape: [7], length: 7 }],
    ['claims a storage of negative length', { shape: [1], length: -1 }],
    ['claims a storage that is not there', { shape: [6], key: '1' }],
    ['unfolds to billions of numbers', { shape: [100_000, 100_000], stride: [0, 0], length: 6 }],
    [
      'overflows when its sizes are multiplied',
      { shape: Array<number>(20).fill(2 ** 31 - 1), stride: Array<number>(20).fill(0), length: 6 },
    ],
  ])('is refused: it %s', async (_, text) => {
    await expect(open(saved(pickleOf({ w: tensorOf(text) })))).rejects.toMatchObject(invalid);
  });

  test('an expanded tensor of a sane size is unfolded', async () => {
    const pickle = pickleOf({ w: tensorOf({ shape: [2, 3], stride: [0, 1], length: 6 }) });
    expect(await numbers(await open(saved(pickle)), 'w')).toEqual([1, 2, 3, 1, 2, 3]);
  });
});

describe('a damaged zip', () => {
  const entries = { 'x/data.pkl': pickleOf({ w: tensorOf({ shape: [2] }) }), 'x/data/0': floats([7, 8]) };
  const lied = (lies: ZipLies): Uint8Array => zipOf(entries, { lies: { 'x/data/0': lies } });

  test.each([
    ['is cut in half', zipOf(entries).subarray(0, 150)],
    ['has nothing but a beginning', join('PK\x03\x04')],
    ['is empty', bytes()],
    ['is text', join('{"not": "a checkpoint"}')],
    ['has no pickle', zipOf({ 'x/version': join('3\n') })],
    ['has two pickles', zipOf({ ...entries, 'y/data.pkl': entries['x/data.pkl'] })],
    ['has a compressed entry', lied({ method: 8 })],
    ['has an encrypted entry', lied({ flags: 1, compressedSize: 20 })],
    ['has an entry of two sizes', lied({ compressedSize: 4 })],
    ['has an entry larger than the file', lied({ compressedSize: 2 ** 30, uncompressedSize: 2 ** 30 })],
    ['has an entry beyond the end', lied({ offset: 2 ** 30 })],
    ['has two entries of one name', lied({ name: 'x/data.pkl' })],
    ['has an entry outside of its folder', lied({ name: '../../etc/passwd' })],
    ['has big-endian numbers', zipOf({ ...entries, 'x/byteorder': join('big') })],
  ])('is refused: it %s', async (_, file) => {
    await expect(open(file)).rejects.toMatchObject(invalid);
  });

  test('an entry whose local header is gone is refused when it is read', async () => {
    const checkpoint = await open(lied({ offset: 5 }));
    await expect(checkpoint.tensors.get('w')?.read()).rejects.toMatchObject(invalid);
  });

  test('half of a real checkpoint is refused', async ({ skip }) => {
    const path = joinPath(golden, 'malicious/truncated.pt');
    if (!existsSync(path)) skip('the half checkpoint is only in the full golden folder');
    await expect(readCheckpoint(path)).rejects.toMatchObject(invalid);
  });
});

describe('a damaged legacy file', () => {
  test('is refused wherever it is cut', async () => {
    const whole = await readFile(joinPath(FIXTURES, 'projectors/edge_tensors_legacy.pt'));
    for (let length = 0; length < whole.length; length += 13) {
      await expect(open(whole.subarray(0, length)), `${length} bytes`).rejects.toMatchObject(invalid);
    }
  });
});

test('a file that is not there is an error of its own', async () => {
  await expect(readCheckpoint(joinPath(folder, 'none.pt'))).rejects.toMatchObject({ code: 'FREEBIND_FILE_MISSING' });
});

test('reads the same tensors from a .pt as from the safetensors file of the same weights', async ({ skip }) => {
  const path = joinPath(golden, 'reaction_64_48.pt');
  if (!existsSync(path)) skip('the 1 MB checkpoint is only in the full golden folder');
  const checkpoint = await open(path);
  const safetensors = await openSafetensors(joinPath(golden, 'reaction_64_48.safetensors'));
  onTestFinished(() => safetensors.close());
  expect([...checkpoint.tensors.keys()].sort()).toEqual(safetensors.names);
  for (const [name, tensor] of checkpoint.tensors) {
    expect({ name, ...(await tensor.read()) }).toEqual({ name, ...(await safetensors.tensor(name)) });
  }
});
