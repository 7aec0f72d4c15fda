import { readCheckpoint } from '@freebind/torch';
import { expect, test } from 'vitest';
import { type GoldenEntry, goldenPath, readJson } from './folder.ts';

interface Expected {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** Tests that unusual tensors are read as PyTorch reads them, and gives the ids it read or compared. */
export function testCheckpoints(entries: readonly GoldenEntry[]): readonly string[] {
  const expected = entries.find(({ id }) => id === 'projectors/edge_tensors.expected.json');
  const edges = entries.filter(({ id }) => /^projectors\/edge_tensors(_legacy)?\.pt$/.test(id));
  const nested = entries.filter(({ id }) => id === 'projectors/edge_nested_ckpt.pt');

  test.for(expected === undefined ? [] : edges)('$id has the tensors that PyTorch wrote', async ({ file }) => {
    const golden = await readJson<Readonly<Record<string, Expected>>>(expected?.file ?? '');
    const checkpoint = await readCheckpoint(goldenPath(file));
    try {
      expect([...checkpoint.tensors.keys()].sort()).toEqual(Object.keys(golden).sort());
      for (const [name, stored] of checkpoint.tensors) {
        const { shape, data } = await stored.read();
        // Every element type here fits float64 exactly, and JSON holds float64: equal, not close.
        const found = { name, dtype: `torch.${stored.dtype}`, shape, values: [...data] };
        expect(found).toEqual({ name, ...golden[name] });
      }
    } finally {
      await checkpoint.close();
    }
  });

  test.for(nested)('$id gives the model below its key', async ({ file }) => {
    const checkpoint = await readCheckpoint(goldenPath(file));
    try {
      expect([...checkpoint.stateDict].map(([name, { shape }]) => [name, shape])).toEqual([['w', [2, 2]]]);
      expect(checkpoint.value).toBeInstanceOf(Map);
    } finally {
      await checkpoint.close();
    }
  });
  return [...(expected === undefined ? [] : [expected, ...edges]), ...nested].map(({ id }) => id);
}
