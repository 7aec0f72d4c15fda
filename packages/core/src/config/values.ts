import { z } from 'zod';

/** Row numbers: a list, or `FILE.json:KEY`, the list under that key of a JSON file. */
export type RowsChoice = string | readonly number[];

/** A whole number of at least `least`. */
export function atLeast(least: number): z.ZodNumber {
  const error = `give a whole number of at least ${least}`;
  return z.int({ error }).min(least, { error });
}

/** A whole number from `least` to `most`. */
export function between(least: number, most: number): z.ZodNumber {
  const error = `give a whole number from ${least} to ${most}`;
  return z.int({ error, abort: true }).min(least, { error }).max(most, { error });
}

/** Columns of a layer: 16 times the widest published one's 4096, so that a slip is told before there is no memory for it. */
export function width(): z.ZodNumber {
  return between(1, 2 ** 16);
}

/** A number above 0. */
export function positive(): z.ZodNumber {
  const error = 'give a number above 0';
  return z.number({ error }).positive({ error });
}

/** A number from 0, and below 1. */
export function share(): z.ZodNumber {
  const error = 'give a number from 0 and below 1';
  return z.number({ error }).min(0, { error }).lt(1, { error });
}

export function flag(): z.ZodBoolean {
  return z.boolean({ error: 'give true or false' });
}

/** One of several shapes, with one sentence for all that fit none. */
export function either<const Options extends readonly z.ZodType[]>(
  error: string,
  ...options: Options
): z.ZodUnion<Options> {
  return z.union(options, { error });
}

/** See `RowsChoice`. */
export const rows = either(
  'give a list of row numbers or "FILE.json:KEY"',
  z.string().min(1),
  z
    .array(z.int().min(0))
    .min(1)
    .refine((numbers) => new Set(numbers).size === numbers.length, { error: 'name each row once' }),
);

/** At least one word. */
export const words = z.array(z.string().min(1)).min(1);

/** Any object; whoever uses it checks what is in it. */
export const unknownObject = z.record(z.string(), z.unknown());
