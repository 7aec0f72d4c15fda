import { describe, expect, it } from 'vitest';
import { matrix } from './matrix.ts';
import { selectRows, stackTables, tableOf } from './table.ts';

const rowsOf = (from: number, to: number) =>
  tableOf(
    matrix(
      to - from,
      2,
      Float32Array.from({ length: 2 * (to - from) }, (_, i) => from * 10 + (i >> 1) * 10 + (i & 1)),
    ),
    `rows ${from}-${to}`,
  );

describe('gather', () => {
  const kinds = {
    'a matrix': rowsOf(0, 5),
    'some rows': selectRows(rowsOf(0, 5), Int32Array.of(0, 1, 2, 3, 4)),
    'stacked rows': stackTables([rowsOf(0, 2), rowsOf(2, 5)]),
  };
  it.each(Object.entries(kinds))('puts rows of %s into memory of their size and precision', async (_, table) => {
    const into = new Float32Array(4);
    expect((await table.gather([3, 1], into)).data).toBe(into);
    expect([...into]).toEqual([30, 31, 10, 11]);
    for (const unfit of [new Float32Array(6), new Float64Array(4)]) {
      expect((await table.gather([3, 1], unfit)).data).toEqual(into);
      expect(unfit.every((x) => x === 0)).toBe(true);
    }
  });
});

describe('selectRows', () => {
  it('renumbers reads and gathers', async () => {
    const table = selectRows(rowsOf(0, 5), Int32Array.of(4, 1, 1));
    expect(table.rows).toBe(3);
    expect([...(await table.read(0, 2)).data]).toEqual([40, 41, 10, 11]);
    expect([...(await table.gather([2, 0])).data]).toEqual([10, 11, 40, 41]);
    await expect(table.gather([3])).rejects.toMatchObject({ code: 'FREEBIND_SHAPE_MISMATCH' });
  });
});

describe('stackTables', () => {
  it('reads across the seam and gathers in the order asked for', async () => {
    const table = stackTables([rowsOf(0, 2), rowsOf(2, 3), rowsOf(3, 6)]);
    expect(table.rows).toBe(6);
    expect([...(await table.read(1, 4)).data]).toEqual([10, 11, 20, 21, 30, 31]);
    expect([...(await table.gather([5, 0, 2])).data]).toEqual([50, 51, 0, 1, 20, 21]);
    await expect(table.gather([6])).rejects.toMatchObject({ code: 'FREEBIND_SHAPE_MISMATCH' });
    await expect(table.read(5, 7)).rejects.toMatchObject({ code: 'FREEBIND_SHAPE_MISMATCH' });
  });

  it('keeps the precision of its most precise table, whichever rows are asked for', async () => {
    const third = tableOf(matrix(1, 2, Float64Array.of(1 / 3, 2 / 3)), 'float64');
    const table = stackTables([rowsOf(0, 2), third]);
    expect((await table.gather([2])).data).toEqual(Float64Array.of(1 / 3, 2 / 3));
    expect((await table.read(1, 3)).data).toEqual(Float64Array.of(10, 11, 1 / 3, 2 / 3));
    expect((await table.gather([0])).data).toEqual(Float64Array.of(0, 1));
    expect((await stackTables([third, third]).read(0, 2)).data).toBeInstanceOf(Float64Array);
    expect((await stackTables([rowsOf(0, 1), rowsOf(1, 2)]).read(0, 2)).data).toBeInstanceOf(Float32Array);
  });

  it('refuses tables of different widths and an empty list', () => {
    expect(() => stackTables([rowsOf(0, 2), tableOf(matrix(1, 3))])).toThrow(/3 columns/);
    expect(() => stackTables([])).toThrow(/at least one/);
  });
});
