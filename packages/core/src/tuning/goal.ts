import { FreebindError } from '../errors.ts';
import { type Direction, directionOf } from '../evaluation/directions.ts';

/**
 * What tuning aims for: `mean` of all directions, one direction (`audio→image`, or `audio->image` where arrows are hard to
 * type), weights in text (`audio->image=2,text->audio=1`), or weights by direction.
 */
export type Goal = string | Readonly<Record<string, number>>;

/**
 * A goal as weights that sum to 1, by direction; directions without a weight are left out.
 *
 * @throws FREEBIND_ARGUMENT_INVALID for a direction that is not among `directions` and for a weight that is not above 0
 */
export function readGoal(goal: Goal, directions: readonly Direction[]): ReadonlyMap<Direction, number> {
  if (goal === 'mean') return new Map(directions.map((direction) => [direction, 1 / directions.length]));
  const weights = new Map<Direction, number>();
  const entries = typeof goal === 'string' ? goal.split(',').map(readEntry) : Object.entries(goal);
  for (const [name, weight] of entries) {
    const direction = readDirection(name, directions);
    if (!(Number.isFinite(weight) && weight > 0)) {
      throw new FreebindError(
        'FREEBIND_ARGUMENT_INVALID',
        `The goal weighs ${direction} by ${weight}; a weight is a number above 0. Leave out directions that do not matter.`,
      );
    }
    if (weights.has(direction)) {
      throw new FreebindError('FREEBIND_ARGUMENT_INVALID', `The goal names ${direction} twice; name it once.`);
    }
    weights.set(direction, weight);
  }
  if (weights.size === 0) {
    throw new FreebindError('FREEBIND_ARGUMENT_INVALID', `The goal names no direction. ${usable(directions)}`);
  }
  const sum = [...weights.values()].reduce((a, b) => a + b, 0);
  return new Map([...weights].map(([direction, weight]) => [direction, weight / sum]));
}

/** `audio->image=2` as a name and a weight, 1 where none is given. */
function readEntry(text: string): readonly [string, number] {
  const [name = '', weight, ...rest] = text.split('=');
  if (weight === undefined) return [name, 1];
  return [name, weight.trim() === '' || rest.length > 0 ? NaN : Number(weight)];
}

function readDirection(name: string, directions: readonly Direction[]): Direction {
  const [query = '', item = '', ...rest] = name.split(/→|->/u).map((side) => side.trim());
  const direction = directionOf(query, item);
  if (rest.length === 0 && directions.includes(direction)) return direction;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `The goal names "${name.trim()}", which is not a direction between modalities that the recipe and the validation tables have. ${usable(directions)}`,
  );
}

function usable(directions: readonly Direction[]): string {
  return `Aim for mean or for some of ${directions.join(', ')}.`;
}
