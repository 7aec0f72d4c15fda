import { ReferenceBackend } from '@freebind/backend-reference';
import { afterAll, expect, test } from 'vitest';
import { toyBond, toyRows, toyShapes } from '../test/toy-spaces.ts';
import type { BondData } from './bond.ts';
import { openBond } from './opened-bond.ts';

const { unified, sound, vision } = toyShapes;
const backend = new ReferenceBackend();
afterAll(() => backend.close());
const data = toyBond('combination', sound, unified, ['mix', 'A']);

test('carries rows of its own space into the other', async () => {
  const bond = await openBond(data, backend);
  expect(await bond.carry(toyRows(sound, 'audio'))).toMatchObject({ rows: 7, cols: 6, space: 'unified' });
  await bond.close();
});

test('refuses rows of another space and says which space it wants', async () => {
  const bond = await openBond(data, backend);
  await expect(bond.carry(toyRows(vision, 'image'))).rejects.toMatchObject({
    code: 'FREEBIND_SPACE_MISMATCH',
    message: expect.stringMatching(/belong to "vision" \(5\), but bond "sound to unified" reads "sound" \(4\)/),
  });
});

test('carries nothing after it was closed, and closing twice is quiet', async () => {
  const bond = await openBond(data, backend);
  await bond.close();
  await bond.close();
  await expect(bond.carry(toyRows(sound, 'audio'))).rejects.toMatchObject({ code: 'FREEBIND_CLOSED' });
});

test.each<[string, BondData, RegExp]>([
  ['without heads', { ...data, manifest: { ...data.manifest, heads: [] } }, /has no heads/],
  ['that lists a head it has not', { ...data, manifest: { ...data.manifest, heads: ['mix', 'A', 'T'] } }, /head "T"/],
  ['with a head it does not list', { ...data, manifest: { ...data.manifest, heads: ['mix'] } }, /does not list: A/],
  [
    'into a space of another dimension',
    { ...data, manifest: { ...data.manifest, into: { space: 'unified', dimension: 8 } } },
    /into "unified" \(8\), but its head "mix" takes 4 columns and gives 6/,
  ],
  [
    'whose weights are damaged',
    { ...data, networks: { ...data.networks, A: { layers: data.networks.A?.layers ?? [], weights: {} } } },
    /head "A" that is damaged: .*no weight "0\.weight"/,
  ],
])('refuses a bond %s', async (_, bad, message) => {
  await expect(openBond(bad, backend)).rejects.toMatchObject({
    code: 'FREEBIND_BOND_INVALID',
    message: expect.stringMatching(message),
  });
});
