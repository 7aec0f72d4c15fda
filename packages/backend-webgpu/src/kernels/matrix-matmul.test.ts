import { create } from 'webgpu';
import { afterAll, expect, test } from 'vitest';
import { Device } from '../device.ts';
import { HALF_TILES, type SubgroupMatrix, TILES } from './matmul-tiles.ts';
import { matrixMatmul } from './matrix-matmul.ts';
import { faultOf } from '../matrix-tiles.ts';
import { orReason } from '../../test/training.ts';
import { host } from '../host-node.ts';

const MATRICES: readonly SubgroupMatrix[] = [
  { m: 16, n: 16, k: 16, lanes: 32 },
  { m: 8, n: 8, k: 8, lanes: 32 },
  { m: 16, n: 8, k: 16, lanes: 64 },
];

/**
 * Dawn's device that computes nothing: it offers every feature, and so takes or refuses any program by the rules of the language. No
 * driver at hand computes with subgroup matrices, so that what they give is checked on the user's device, by `faultOf`.
 */
const held = { gpu: create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']) };
const nullDevice = await held.gpu.requestAdapter().then((adapter) =>
  adapter?.requestDevice({
    // The last is not in the standard yet.
    requiredFeatures: ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix' as GPUFeatureName],
  }),
);
afterAll(() => {
  nullDevice?.destroy();
  Reflect.deleteProperty(held, 'gpu');
});

for (const matrix of MATRICES)
  for (const ending of ['store', 'add', 'bias', 'rescale'] as const)
    test(`matrices of ${matrix.m} × ${matrix.n} × ${matrix.k}, ${ending}: a valid program, whichever side is transposed`, async () => {
      for (const transposeA of [false, true])
        for (const transposeB of [false, true]) {
          const rows = { buffer: {} as GPUBuffer, offset: 0, rows: 64, cols: 64 }; // only its sizes are read
          const sides = { a: rows, b: rows, out: rows, transposeA, transposeB };
          const more = ending === 'add' ? { add: true } : ending === 'store' ? {} : { [ending]: rows };
          const { kernel, groups } = matrixMatmul({ ...sides, ...more }, { name: 'matrices', matrix });
          const module = nullDevice?.createShaderModule({ code: kernel.source });
          expect((await module?.getCompilationInfo())?.messages.map(({ message }) => message)).toEqual([]);
          expect(groups).toEqual([1, 1]);
        }
    });

test('of the matrices that a device offers, the largest is taken whose program it can run', async () => {
  const adapter = await held.gpu.requestAdapter();
  if (adapter === null) throw new Error('Dawn has a device that computes nothing.');
  // Of these the first needs 24 KiB of workgroup memory, and a device is given 16.
  const subgroupMatrixConfigs = [
    { componentType: 'f16', resultComponentType: 'f32', M: 32, N: 32, K: 16 },
    { componentType: 'f16', resultComponentType: 'f32', M: 16, N: 16, K: 16 },
    { componentType: 'f16', resultComponentType: 'f32', M: 8, N: 8, K: 8 },
  ];
  const told = { description: 'told', isFallbackAdapter: true, subgroupMinSize: 32, subgroupMaxSize: 32 };
  const requestDevice: GPUAdapter['requestDevice'] = (descriptor) => adapter.requestDevice(descriptor);
  const { limits, features } = adapter;
  const offers = { limits, features, info: { ...told, subgroupMatrixConfigs }, requestDevice };
  // What is asked of the entry; the native one is kept for as long as this is.
  const gpu = { requestAdapter: async () => offers, held } as unknown as GPU;
  const device = await Device.open({ findGpu: async () => gpu }, 'high-performance', true);
  const { matrix } = device;
  expect(matrix).toEqual({ m: 16, n: 16, k: 16, lanes: 32 });
  const compile = (tile: SubgroupMatrix): Promise<unknown> => {
    const rows = { buffer: {} as GPUBuffer, offset: 0, rows: 64, cols: 64 };
    return device.pipeline(matrixMatmul({ a: rows, b: rows, out: rows }, { name: 'matrices', matrix: tile }).kernel);
  };
  await expect(compile({ m: 16, n: 16, k: 16, lanes: 32 })).resolves.toBeDefined();
  await expect(compile({ m: 32, n: 32, k: 16, lanes: 32 })).rejects.toThrow(/workgroup/);
  device.close();
});

test('matrices that a device has not, or that give another product, are found out before they are used', async ({
  skip,
}) => {
  const device = await orReason(Device.open(host, 'high-performance'));
  if (typeof device === 'string') return skip(device);
  expect(await faultOf(device, TILES.small)).toBeUndefined();
  const idle = { ...TILES.small, name: 'idle', perM: 1.5 }; // of three rows that two threads share, one is nobody's
  expect(await faultOf(device, idle)).toBe('idle gave a wrong product');
  const [matrix = { m: 16, n: 16, k: 16, lanes: 32 }] = MATRICES;
  expect(await faultOf(device, { name: 'matrices', matrix })).toMatch(/^matrices: .* is not allowed/s);
  expect(await faultOf(device, HALF_TILES.half)).toMatch(/^64 × 64, float16: /);
  expect(device.allocated).toEqual({ buffers: 0, bytes: 0 });
  device.close();
});
