import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ReferenceBackend } from '@freebind/backend-reference';
import { evaluateRetrieval, type Matrix, normalMatrix, random } from '@freebind/core';
import { type NpyTable, openNpy, writeNpy, writeSafetensors } from '@freebind/core/files';
import { afterAll, describe, expect, test } from 'vitest';

const dir = mkdtempSync(join(tmpdir(), 'freebind-numpy-'));
afterAll(() => rmSync(dir, { recursive: true }));

const backend = new ReferenceBackend({ precision: 'float64' });
const fixtures = fileURLToPath(new URL('../fixtures/numpy/', import.meta.url));
const python = spawnSync('python3', ['-c', 'import numpy']).status === 0;
const reason = 'python3 with numpy is not installed';

const run = (script: string): void => void execFileSync('python3', ['-c', script, dir]);

/** All rows of a `.npy` file in `dir`. */
async function readAll(name: string): Promise<Matrix> {
  const table = await openNpy(join(dir, `${name}.npy`));
  try {
    return await table.read(0, table.rows);
  } finally {
    await table.close();
  }
}

/** The largest absolute difference. */
const difference = (a: Matrix, b: Matrix): number =>
  a.rows === b.rows && a.cols === b.cols
    ? Array.from(a.data).reduce((worst, x, i) => Math.max(worst, Math.abs(x - (b.data[i] ?? Number.NaN))), 0)
    : Number.NaN;

describe('files that NumPy saved', () => {
  test('open with their shapes and widths, and score several captions an item', async () => {
    const texts = await openNpy(join(fixtures, 'captions/texts.npy'));
    const items = await openNpy(join(fixtures, 'captions/items.npy'));
    // A list of [text, item] that the fixture's script wrote.
    const pairs = JSON.parse(await readFile(join(fixtures, 'captions/pairs.json'), 'utf8')) as [number, number][];
    expect([texts.dtype, texts.rows, items.rows]).toEqual(['f2', 36, 12]);
    const report = await evaluateRetrieval({ queries: texts, gallery: items, pairs, backend });
    expect(report.queryToItem.queries).toBe(36);
    // Captions see their items through 8 concepts and little noise, so a reader that mixed up rows would be near chance, 1/12.
    expect(report.queryToItem.recall[0]?.rate).toBeGreaterThan(0.5);
    await Promise.all([texts.close(), items.close()]);
  });
});

describe.skipIf(!python)(`beside NumPy${python ? '' : ` (skipped: ${reason})`}`, () => {
  test('aggregates and ranks as NumPy does, from f2, f4 and f8 files', async () => {
    run(`
import numpy as np, sys, json
d, rng = sys.argv[1], np.random.default_rng(3)
unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
q, k, v = (unit(rng.standard_normal(s)) for s in [(30, 16), (200, 16), (200, 10)])
for name, x, dtype in [('q', q, '<f2'), ('k', k, '<f4'), ('v', v, '<f8')]: np.save(f'{d}/{name}.npy', x.astype(dtype))
q, k = np.load(f'{d}/q.npy').astype('f8'), np.load(f'{d}/k.npy').astype('f8')
w = np.exp((q @ k.T - (q @ k.T).max(1, keepdims=True)) / 0.01)
np.save(f'{d}/z.npy', (w / w.sum(1, keepdims=True)) @ v)
s = unit(q) @ unit(k[:30]).T
ranks = [int((s[i] > s[i, i]).sum()) for i in range(30)]
json.dump({'median': float(np.median(ranks)) + 1, 'r5': sum(r < 5 for r in ranks) / 30}, open(f'{d}/ranks.json', 'w'))
np.save(f'{d}/k30.npy', k[:30])
`);
    const open = (name: string): Promise<NpyTable> => openNpy(join(dir, `${name}.npy`));
    const [q, k, v, few] = [await open('q'), await open('k'), await open('v'), await open('k30')];
    const bank = await backend.openBank({ keys: k, values: v });
    const found = await bank.aggregate(await q.read(0, q.rows), 0.01);
    // Scores err by 16 roundings at 2⁻⁵³ and are divided by 0.01; weights and sums add a few more.
    expect(difference(found, await readAll('z'))).toBeLessThan(1e-12);

    const { queryToItem } = await evaluateRetrieval({ queries: q, gallery: few, backend, ks: [5] });
    expect({ median: queryToItem.medianRank, r5: queryToItem.recall[0]?.rate }).toEqual(
      JSON.parse(await readFile(join(dir, 'ranks.json'), 'utf8')),
    );
    await Promise.all([q, k, v, few].map((table) => table.close()));
  });

  test('reads what freebind writes, as .npy and as safetensors', async () => {
    const rows = normalMatrix(7, 5, random('numpy'));
    await writeNpy(join(dir, 'ours.npy'), rows);
    const tensor = { shape: [7, 5], data: rows.data };
    await writeSafetensors(join(dir, 'ours.safetensors'), { 'head/0.weight': tensor });
    run(`
import numpy as np, sys, json
d = sys.argv[1]
b = open(f'{d}/ours.safetensors', 'rb').read()
n = int.from_bytes(b[:8], 'little')
e = json.loads(b[8:8 + n])['head/0.weight']
x = np.frombuffer(b[8 + n:][slice(*e['data_offsets'])], '<f4').reshape(e['shape'])
assert e['dtype'] == 'F32' and np.array_equal(x, np.load(f'{d}/ours.npy'))
np.save(f'{d}/back.npy', 2.0 * x.astype('<f8'))
`);
    const twice = { ...rows, data: Float64Array.from(rows.data, (x) => 2 * x) };
    expect(difference(await readAll('back'), twice)).toBe(0);
  });
});
