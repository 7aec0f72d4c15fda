import { type Bond, type BondData, type Embeddings, type Matrix, sliceRows } from '@freebind/core';
import { rowOrder } from './backend/shared.ts';
import type { ConformanceCase } from './case.ts';
import { check, checkClose, checkIdentical, checkRejects, checkSame, checkShape } from './check.ts';
import { unitRows } from './data.ts';
import { naiveForward, rowsIn } from './naive.ts';

/** What the suite may know about a bond besides its interface. */
export interface BondUnderTest {
  /** The bond as data; with it, what is carried is compared with the formula. */
  readonly data?: BondData;
  /** Largest absolute error of a carried number: the tolerance of the backend that the bond runs on. Default 1e-4. */
  readonly tolerance?: number;
}

/** Everything that a bond must do. */
export function bondCases({ data, tolerance = 1e-4 }: BondUnderTest = {}): readonly ConformanceCase<Bond>[] {
  const formula: ConformanceCase<Bond> = {
    name: 'carries rows to the mean of its heads, each of unit length, and does not normalise the mean',
    because: 'FreeBind models/uni_spaces.py averages the heads of all experts first and normalises once',
    async run(bond) {
      const given = rowsFor(bond, 5);
      const out = await bond.carry(given);
      const heads = bond.manifest.heads.map((head) => {
        const { layers = [], weights = {} } = data?.networks[head] ?? {};
        return naiveForward(layers, (name) => weights[name]?.data ?? new Float64Array(0), rowsIn(given)).flat();
      });
      const mean = Float64Array.from(
        out.data,
        (_, i) => heads.reduce((sum, head) => sum + (head[i] ?? 0), 0) / heads.length,
      );
      checkClose(out.data, mean, tolerance, 'the carried rows');
    },
  };
  return [
    {
      name: 'declares its kind, both spaces, what they share and its heads',
      async run({ manifest }) {
        check(
          manifest.kind === 'combination' || manifest.kind === 'displacement',
          `The kind is "${manifest.kind}", expected "combination" or "displacement".`,
        );
        for (const end of [manifest.from, manifest.into]) {
          check(end.space !== '', 'A space has no name.');
          check(
            Number.isSafeInteger(end.dimension) && end.dimension >= 1,
            `"${end.space}" has ${end.dimension} columns.`,
          );
        }
        check(manifest.shared.length > 0, 'The spaces share no modality, so there is nothing to bind them by.');
        check(manifest.heads.length > 0, 'The bond has no heads; a mixture has at least one.');
        checkSame(new Set(manifest.heads).size, manifest.heads.length, 'distinct heads');
      },
    },
    {
      name: 'carries any number of rows into the other space, none longer than 1',
      async run(bond) {
        for (const n of [0, 1, 6]) {
          const out = await bond.carry(rowsFor(bond, n));
          checkShape(out, n, bond.manifest.into.dimension, `${n} carried rows`);
          checkSame(out.space, bond.manifest.into.space, 'the space of carried rows');
          for (const row of rowsIn(out))
            check(
              Math.hypot(...row) <= 1 + tolerance,
              `A carried row has the length ${Math.hypot(...row)}, expected at most 1.`,
            );
        }
      },
    },
    ...(data === undefined ? [] : [formula]),
    {
      name: 'carries each row by itself: in another order and in pieces alike',
      async run(bond) {
        const given = rowsFor(bond, 6);
        const whole = await bond.carry(given);
        const order = rowOrder(6);
        const shuffled = await bond.carry(embeddings(order.of(given), given.space));
        checkClose(shuffled.data, order.of(whole).data, tolerance, 'rows in another order');
        const [one, two] = [await bond.carry(part(given, 0, 2)), await bond.carry(part(given, 2, 6))];
        checkClose([...one.data, ...two.data], whole.data, tolerance, 'rows in two pieces');
      },
    },
    {
      name: 'does not write to the embeddings',
      async run(bond) {
        const given = rowsFor(bond, 3);
        const before = given.data.slice();
        await bond.carry(given);
        checkIdentical(given.data, before, 'the embeddings after carry');
      },
    },
    {
      name: 'refuses embeddings of another space or width',
      async run(bond) {
        const { from } = bond.manifest;
        const other = { ...rowsFor(bond, 2), space: `not ${from.space}` };
        await checkRejects(() => bond.carry(other), 'FREEBIND_SPACE_MISMATCH', 'embeddings of another space');
        const wide = embeddings(unitRows(2, from.dimension + 1, 'wide'), from.space);
        const codes = ['FREEBIND_SPACE_MISMATCH', 'FREEBIND_SHAPE_MISMATCH'] as const;
        await checkRejects(() => bond.carry(wide), codes, 'embeddings one column too wide');
      },
    },
    {
      name: 'refuses what comes after close and closes twice quietly',
      closes: true,
      async run(bond) {
        const given = rowsFor(bond, 1);
        await bond.close();
        await bond.close();
        await checkRejects(() => bond.carry(given), 'FREEBIND_CLOSED', 'carry after close');
      },
    },
  ];
}

function rowsFor({ manifest: { from } }: Bond, rows: number): Embeddings {
  return embeddings(unitRows(rows, from.dimension, 'bond'), from.space);
}

function embeddings(rows: Matrix, space: string): Embeddings {
  return { ...rows, space, unit: true };
}

function part(given: Embeddings, start: number, end: number): Embeddings {
  return embeddings(sliceRows(given, start, end), given.space);
}
