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
