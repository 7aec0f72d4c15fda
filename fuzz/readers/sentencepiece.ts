import { readFile } from 'node:fs/promises';
import { SentencePiece } from '@freebind/space-internvl';
import * as fc from 'fast-check';
import { damaged } from '../damage.ts';
import { type Field, join, message, strays } from '../protobuf.ts';
import type { Reader } from '../reader.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const float = (x: number): Uint8Array => new Uint8Array(Float32Array.of(x).buffer);

const piece = fc
  .record({
    text: fc.oneof(
      fc.constantFrom('▁', '▁a', 'ab', 'abab', 'b▁', '', '<0x41>', '<0xZZ>', '__proto__', '🍎'),
      fc.string({ maxLength: 6, unit: 'grapheme' }),
    ),
    score: fc.oneof(fc.constantFrom(0, -1, NaN, Infinity, -Infinity), fc.float()),
    type: fc.constantFrom(1, 1, 1, 2, 3, 4, 5, 6, 99),
    strays,
  })
  .map(({ text, score, type, strays }) =>
    message([[1, utf8(text)], [2, float(score), 5], [3, type], ...strays] satisfies Field[]),
  );
/** The pieces of all bytes, without which no model is taken. */
const bytePieces = Array.from({ length: 256 }, (_, byte) =>
  message([
    [1, utf8(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)],
    [3, 6],
  ]),
);

const files = fc
  .record({
    complete: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.boolean()),
    pieces: fc.array(piece),
    strays,
  })
  .map(({ complete, pieces, strays }) =>
    join([
      ...[...pieces, ...(complete ? bytePieces : bytePieces.slice(1))].map((bytes) => message([[1, bytes]])),
      message(strays),
    ]),
  );

export const sentencepiece: Reader = {
  name: 'sentencepiece',
  extension: 'model',
  inputs: damaged(files),
  read: async (path) => {
    const model = new SentencePiece(await readFile(path), path);
    for (const text of ['', ' ', 'abab ab', 'a\ud800🍎\u0000', 'ab'.repeat(300)])
      for (const id of model.encode(text))
        if (!Number.isSafeInteger(id) || id < 0) throw new Error(`"${text}" has the id ${id}`);
  },
};
