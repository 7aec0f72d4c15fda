import type { Device } from './device.ts';
import { isLarge, type MatmulTile, type MatrixTile, type TileChoice } from './kernels/matmul-tiles.ts';
import { matmul } from './kernels/matmul.ts';
import { Memory } from './memory.ts';
import { Plan, submitAndRead } from './plan.ts';

/** Sides of the product that is tried: no multiple of a tile or slice, more than one of each. */
const [M, N, K] = [70, 133, 150];

/**
 * Large products by the small ones of the device, others as `otherwise` says. Nothing is measured: small matrices are there because
 * they are many times as fast, and a choice between two ways that add in different orders would make results depend on the clock.
 */
export function matrixTiles(tile: MatrixTile, large: number, otherwise: TileChoice): TileChoice {
  return { choose: async (shape) => (isLarge(shape, large) ? tile : otherwise.choose(shape)) };
}

/**
 * Why the device's small matrices are passed over, or nothing if they compute what they should. No driver that offers them was at
 * hand when the kernel was written, so every device is asked: the factors are multiples of 1/8 up to 8, which float16 holds, and
 * their sums of up to 18 bits, which float32 holds and float16 does not, so that each entry must be exact, however it was added up.
 * @throws FREEBIND_BACKEND_FAILED when the device was lost
 */
export async function faultOf(device: Device, tile: MatmulTile): Promise<string | undefined> {
  try {
    for (const transposeA of [false, true])
      for (const transposeB of [false, true])
        if (!(await isExact(device, tile, { transposeA, transposeB }))) return `${tile.name} gave a wrong product`;
    return undefined;
  } catch (error) {
    device.check();
    return `${tile.name}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function isExact(
  device: Device,
  tile: MatmulTile,
  { transposeA, transposeB }: { readonly transposeA: boolean; readonly transposeB: boolean },
): Promise<boolean> {
  const memory = new Memory(device);
  const plan = new Plan(device, { choose: async () => tile });
  // Any numbers do whose neighbours differ along both sides.
  const [a, b] = [
    (m: number, k: number) => ((37 * m + 11 * k) % 129) / 8 - 8,
    (k: number, n: number) => ((53 * k + 29 * n) % 127) / 8 - 8,
  ];
  try {
    const out = await device.guard('A trial of small matrices', () => {
      const left = transposeA ? filled(memory, K, M, (k, m) => a(m, k)) : filled(memory, M, K, a);
      const right = transposeB ? filled(memory, N, K, (n, k) => b(k, n)) : filled(memory, K, N, b);
      const result = memory.take('product', M, N);
      matmul(plan, { a: left, b: right, out: result, transposeA, transposeB });
      return result;
    });
    await plan.prepare();
    const [bytes = new ArrayBuffer(0)] = await submitAndRead(device, plan, [out]);
    return new Float32Array(bytes).every((found, i) => {
      const [m, n] = [Math.floor(i / N), i % N];
      let expected = 0;
      for (let k = 0; k < K; k++) expected += a(m, k) * b(k, n);
      return found === expected;
    });
  } finally {
    plan.close();
    memory.close();
  }
}

function filled(memory: Memory, rows: number, cols: number, entry: (r: number, c: number) => number) {
  const data = Float32Array.from({ length: rows * cols }, (_, i) => entry(Math.floor(i / cols), i % cols));
  return memory.hold('factor', rows, cols, data);
}
