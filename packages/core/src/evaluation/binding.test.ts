import { ReferenceBackend } from '@freebind/backend-reference';
import { afterAll, describe, expect, test } from 'vitest';
import { itemTables, toyBond, toyShapes } from '../../test/toy-spaces.ts';
import { composeTables, shapesOf } from '../compose-tables.ts';
import { type BondSource, type Composition, openComposition } from '../composition.ts';
import { isFreebindError } from '../errors.ts';
import type { Matrix } from '../matrix.ts';
import { recipe, type Recipe } from '../recipe.ts';
import { evaluateBinding } from './binding.ts';
import { compareDirections } from './comparison.ts';
import { evaluateDirections } from './directions.ts';
import { chooseShare, mixScores } from './score-mixing.ts';

const { unified, vision, sound } = toyShapes;
const backend = new ReferenceBackend({ precision: 'float64' });
afterAll(() => backend.close());

const ITEMS = 24;
const tables = itemTables(ITEMS);
const bonds: readonly BondSource[] = [
  toyBond('displacement', unified, vision),
  toyBond('combination', sound, { id: 'unified + d(vision)', dimension: 5 }),
];
const compose = (part: Recipe): Promise<Composition> =>
  openComposition({ recipe: part, spaces: shapesOf(tables), bonds, backend });
const whole = recipe('unified + d(vision) + c(sound)');
const interval = { seed: 5, resamples: 40 };
const readAll = async (space: string): Promise<Readonly<Record<string, Matrix>>> =>
  Object.fromEntries(
    await Promise.all(
      tables.modalities(space).map(async (m) => [m, await tables.table(space, m).read(0, ITEMS)] as const),
    ),
  );

describe('a bound space beside its controls', () => {
  test('has the base, each step that can stand alone, the whole, the experts and mixed scores', async () => {
    const { rows, refused } = await evaluateBinding({ recipe: whole, compose, tables, backend, interval });
    expect(rows.map(({ id, kind }) => [id, kind])).toEqual([
      ['base', 'base'],
      ['step 1', 'bound'],
      ['bound', 'bound'],
      ['expert vision', 'expert'],
      ['expert sound', 'expert'],
      ['score-mixing', 'control'],
    ]);
    expect(refused.map(({ name }) => name)).toEqual(['unified + c(sound)']);
    expect(refused[0]?.reason).toContain('No bond is a combination from "sound"');
  });

  test('measures what composing and evaluating by hand measures, with paired changes', async () => {
    const factors = { '1.image': 0.3, '2.audio': 0.9 };
    const { rows } = await evaluateBinding({ recipe: whole, compose, tables, backend, interval, factors });
    const composition = await compose(whole);
    const modalities: Record<string, Matrix> = {};
    for (const modality of composition.plan.space.modalities)
      for await (const tile of composeTables(composition, tables, modality, { factors, tile: ITEMS }))
        modalities[modality] = tile;
    await composition.close();
    const wanted = await evaluateDirections({ modalities, backend, interval });
    const base = await evaluateDirections({ modalities: await readAll('unified'), backend, interval });
    const bound = rows.find(({ id }) => id === 'bound');
    expect(new Map(bound?.report.ranks)).toEqual(new Map(wanted.ranks));
    expect(bound?.report.mean).toEqual(wanted.mean);
    expect(bound?.change).toEqual(compareDirections(base, wanted, interval));
  });

  test('scores without a projector gain nothing where no expert knows both sides', async () => {
    const { rows } = await evaluateBinding({ recipe: whole, compose, tables, backend, interval });
    const [base, mixed] = ['base', 'score-mixing'].map((id) => rows.find((row) => row.id === id)?.report.ranks);
    expect(mixed?.get('audio→image')).toEqual(base?.get('audio→image'));
    expect(mixed?.size).toBe(base?.size);
    expect(mixed?.get('audio→text')).not.toEqual(base?.get('audio→text'));
  });

  test('a space without a recipe stands alone, or beside another', async () => {
    const alone = await evaluateBinding({ recipe: recipe('unified'), compose, tables, backend, interval });
    expect(alone.rows.map(({ id }) => id)).toEqual(['base']);
    const two = await evaluateBinding({
      recipe: recipe('unified'),
      compose,
      tables,
      backend,
      interval,
      beside: ['vision'],
    });
    expect(two.rows.map(({ id }) => id)).toEqual(['base', 'space vision']);
    expect(two.rows[1]?.change?.map(({ direction }) => direction)).toContain('image→text');
  });

  test('a recipe that cannot be run at all is refused', async () => {
    const options = { recipe: recipe('unified + c(sound)'), compose, tables, backend, interval };
    await expect(evaluateBinding(options)).rejects.toSatisfy((e) => isFreebindError(e, 'FREEBIND_BOND_UNKNOWN'));
  });
});

test('the cosine of mixed rows is the mixed cosine', async () => {
  const [base, expert] = [await readAll('unified'), await readAll('vision')];
  const { image, text } = mixScores({ pair: ['image', 'text'], base, expert }, 0.3);
  // √share twice in float32: 2⁻²³ of a cosine of at most 1, and as much for the sum's terms.
  for (const [i, j] of [
    [0, 0],
    [3, 17],
  ] as const)
    expect(dot(image, i, text, j)).toBeCloseTo(
      0.3 * dot(base['image'], i, base['text'], j) + 0.7 * dot(expert['image'], i, expert['text'], j),
      6,
    );
});

test('of equal shares the smallest is chosen', async () => {
  const rows = await readAll('vision');
  expect(await chooseShare({ pair: ['image', 'text'], base: rows, expert: rows }, backend)).toBe(0);
});

function dot(a: Matrix | undefined, i: number, b: Matrix | undefined, j: number): number {
  if (a === undefined || b === undefined) throw new Error('Both modalities are there.');
  let sum = 0;
  for (let c = 0; c < a.cols; c++) sum += (a.data[i * a.cols + c] ?? 0) * (b.data[j * b.cols + c] ?? 0);
  return sum;
}
