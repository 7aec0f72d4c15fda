import { type Random, random } from '@freebind/core';
import type { Feed, GraphContract, Port } from './contract.ts';

/** What an input of a graph looks like, for a trial run. */
export type Example =
  | { readonly mean: number; readonly deviation: number }
  /** Texts of different lengths: the ids they begin with, words in between, the id they end with, padding. */
  | {
      readonly begin: readonly number[];
      readonly end: number;
      readonly pad: number;
      readonly words: readonly [number, number];
    }
  /** 1 where that input has a token, 0 where it has padding. */
  | { readonly maskOf: string };

/** Length of a dimension that may be any. */
const FREE = 77;

/**
 * Inputs of `rows` rows that are like real ones as far as a graph can tell: normal numbers, texts of different lengths, flags
 * that alternate. The same seed gives the same, and row i does not depend on how many there are.
 */
export function exampleFeeds(
  contract: GraphContract,
  examples: Readonly<Record<string, Example | undefined>>,
  rows: number,
): Readonly<Record<string, Feed>> {
  const made: Record<string, Feed> = {};
  // Masks come last: they are made of tokens.
  const names = Object.keys(contract.inputs).sort((a, b) => Number(isMask(examples[a])) - Number(isMask(examples[b])));
  for (const name of names) {
    const port = contract.inputs[name];
    if (port !== undefined) made[name] = exampleOf(name, port, { example: examples[name], examples, rows, made });
  }
  return made;
}

/** Row `i` alone. */
export function oneRow(feeds: Readonly<Record<string, Feed>>, i: number): Readonly<Record<string, Feed>> {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { type, dims, data }]) => {
      const width = data.length / (dims[0] ?? 1);
      return [name, { type, dims: [1, ...dims.slice(1)], data: data.slice(i * width, (i + 1) * width) }];
    }),
  );
}

interface Making {
  readonly example: Example | undefined;
  readonly examples: Readonly<Record<string, Example | undefined>>;
  readonly rows: number;
  readonly made: Readonly<Record<string, Feed>>;
}

function exampleOf(name: string, { type, dims: wanted }: Port, { example, examples, rows, made }: Making): Feed {
  const dims = [rows, ...wanted.slice(1).map((dim) => (typeof dim === 'number' ? dim : FREE))];
  const width = dims.slice(1).reduce((product, dim) => product * dim, 1);
  if (type === 'bool') return { type, dims, data: Uint8Array.from({ length: rows * width }, (_, i) => (i + 1) % 2) };
  if (type === 'float32') {
    const { mean, deviation } = example !== undefined && 'mean' in example ? example : { mean: 0, deviation: 1 };
    const numbers = random('check', name);
    return { type, dims, data: Float32Array.from({ length: rows * width }, () => mean + deviation * numbers.normal()) };
  }
  const data = new BigInt64Array(rows * width);
  if (isMask(example)) {
    const tokens = made[example.maskOf];
    const of = examples[example.maskOf];
    const pad = of !== undefined && 'pad' in of ? BigInt(of.pad) : 0n;
    data.forEach((_, i) => (data[i] = tokens?.data[i] === pad ? 0n : 1n));
  } else if (example !== undefined && 'words' in example) {
    const numbers = random('check', name);
    for (let r = 0; r < rows; r++) data.set(text(example, width, r, numbers), r * width);
  }
  return { type, dims, data };
}

function text(
  { begin, end, pad, words }: Extract<Example, { words: unknown }>,
  width: number,
  row: number,
  numbers: Random,
): BigInt64Array {
  const [low, high] = words;
  // A few words, a few more, and as many as fit.
  const length = Math.min(width - begin.length - 1, row % 3 === 2 ? width : 3 + 8 * row);
  const ids = [...begin, ...Array.from({ length }, () => low + Math.floor(numbers.uniform() * (high - low))), end];
  return BigInt64Array.from({ length: width }, (_, i) => BigInt(ids[i] ?? pad));
}

function isMask(example: Example | undefined): example is { readonly maskOf: string } {
  return example !== undefined && 'maskOf' in example;
}
