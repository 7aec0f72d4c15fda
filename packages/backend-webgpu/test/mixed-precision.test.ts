import { describeBackend } from '@freebind/conformance/vitest';
import { type FreebindError, initialise, isFreebindError, random, tableOf } from '@freebind/core';
import { fitLatents } from '@freebind/core/training';
import { expect, test } from 'vitest';
import { host } from '../src/host-node.ts';
import { startWebgpu } from '../src/index.ts';
import { WebgpuBackend } from '../src/webgpu-backend.ts';
import { orReason, rows } from './training.ts';

/** Every product, however small, has float16 factors; in use it is those of 2²² multiplications and more. */
const startMixed = (): Promise<WebgpuBackend> => WebgpuBackend.start({ precision: 'mixed' }, host, 0);

describeBackend('webgpu, float16 factors', startMixed);

/** A backend with float16 factors, or what keeps this machine from it. */
async function mixedOrRefusal(): Promise<WebgpuBackend | FreebindError | string> {
  try {
    return await orReason(startMixed());
  } catch (error) {
    if (isFreebindError(error, 'FREEBIND_CAPABILITY_MISSING')) return error;
    throw error;
  }
}

test('mixed precision rounds the factors of networks, not those of banks', async ({ skip }) => {
  const mixed = await mixedOrRefusal();
  if (typeof mixed === 'string') return skip(mixed);
  if (isFreebindError(mixed)) return skip(mixed.message);
  const plain = await startWebgpu();
  const network = initialise([{ kind: 'linear', name: 'l', input: 40, output: 9 }], random('l'), 'xavier');
  const queries = rows(5, 40, 'queries');
  const [rounded, exact] = await Promise.all(
    [mixed, plain].map(async (backend) => {
      const bank = await backend.openBank({ keys: tableOf(rows(9, 40, 'keys')) });
      const projector = await backend.openProjector([network]);
      return { scores: (await bank.scores(queries)).data, projected: (await projector.project(queries)).data };
    }),
  );
  expect(rounded?.scores).toEqual(exact?.scores);
  expect(rounded?.projected).not.toEqual(exact?.projected);
  expect(mixed.manifest.device).toBe(`${plain.manifest.device}, float16 factors`);
  await Promise.all([mixed.close(), plain.close()]);
});

test('mixed precision leaves the axes of latents as they are in float32', async ({ skip }) => {
  const mixed = await mixedOrRefusal();
  if (typeof mixed === 'string') return skip(mixed);
  if (isFreebindError(mixed)) return skip(mixed.message);
  const plain = await startWebgpu();
  // Squares of such numbers are beyond float16.
  const features = rows(100, 12, 'features');
  features.data.forEach((x, i) => (features.data[i] = 1000 * x));
  const [rounded, exact] = await Promise.all(
    [mixed, plain].map((backend) => fitLatents(tableOf(features), { reduce: 6, whiten: true }, { backend, seed: 1 })),
  );
  expect(rounded).toEqual(exact);
  await Promise.all([mixed.close(), plain.close()]);
});

test('mixed precision is refused on an adapter without float16, with what mends it', async ({ skip }) => {
  const refusal = await mixedOrRefusal();
  if (typeof refusal === 'string') return skip(refusal);
  if (!isFreebindError(refusal)) {
    const { device } = refusal.manifest;
    await refusal.close();
    return skip(`${device}: it has float16`);
  }
  expect(refusal.message).toMatch(/shader-f16.*Leave out the option precision/);
});
