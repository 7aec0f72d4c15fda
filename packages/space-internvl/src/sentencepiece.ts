import { FreebindError } from '@freebind/core';

/** What a piece of a SentencePiece model is (`sentencepiece_model.proto`, `ModelProto.SentencePiece.Type`). */
const [NORMAL, UNKNOWN, USER_DEFINED, BYTE] = [1, 2, 4, 6];

interface Piece {
  readonly text: string;
  readonly score: number;
  readonly type: number;
}

/**
 * SentencePiece's byte-pair encoding with byte fallback, as Llama's tokenizer uses it: a blank is put in front, blanks become ▁, the
 * two neighbours whose joint piece has the highest score are joined until none has one, and a character without a piece becomes
 * its UTF-8 bytes (Kudo & Richardson 2018; sentencepiece `src/bpe_model.cc`). Text is taken as it is: these models do not normalise.
 */
export class SentencePiece {
  readonly #ids = new Map<string, number>();
  readonly #scores: Float32Array;
  readonly #bytes = new Int32Array(256).fill(-1);
  readonly #unknown: number;

  /** @param model the bytes of a `tokenizer.model` @throws FREEBIND_FILE_INVALID */
  constructor(model: Uint8Array, source: string) {
    const pieces = readPieces(model, source);
    this.#scores = Float32Array.from(pieces, ({ score }) => score);
    pieces.forEach(({ text, type }, id) => {
      if (type === NORMAL || type === USER_DEFINED) this.#ids.set(text, id);
      const [, hex] = /^<0x([0-9A-F]{2})>$/.exec(text) ?? [];
      if (type === BYTE && hex !== undefined) this.#bytes[Number.parseInt(hex, 16)] = id;
    });
    this.#unknown = Math.max(
      pieces.findIndex(({ type }) => type === UNKNOWN),
      0,
    );
    if (this.#bytes.includes(-1))
      throw new FreebindError(
        'FREEBIND_FILE_INVALID',
        `${source} has no pieces for some bytes; a model with byte fallback was expected. Get it again.`,
      );
  }

  /** Ids of a text, without marks. */
  encode(text: string): readonly number[] {
    if (text === '') return [];
    const symbols = Array.from(` ${text.toWellFormed()}`.replaceAll(' ', '▁'));
    this.#join(symbols);
    return symbols.flatMap((symbol) => (symbol === '' ? [] : this.#idsOf(symbol)));
  }

  /** Joins neighbours in place, the best score first and the leftmost of equals, and leaves the right one empty. A heap holds the pairs there are. */
  #join(symbols: string[]): void {
    const next = Int32Array.from({ length: symbols.length }, (_, i) => i + 1);
    const before = Int32Array.from({ length: symbols.length }, (_, i) => i - 1);
    const heap = new PairHeap();
    const offer = (left: number): void => {
      const right = left < 0 ? symbols.length : (next[left] ?? symbols.length);
      if (left < 0 || right >= symbols.length) return;
      const joint = `${symbols[left]}${symbols[right]}`;
      const id = this.#ids.get(joint);
      if (id !== undefined) heap.push({ score: this.#scores[id] ?? 0, left, joint });
    };
    for (let i = 0; i + 1 < symbols.length; i++) offer(i);
    for (let pair = heap.pop(); pair !== undefined; pair = heap.pop()) {
      const { left, joint } = pair;
      const right = next[left] ?? symbols.length;
      // One of the two was joined with another meanwhile.
      if (symbols[left] === '' || right >= symbols.length || `${symbols[left]}${symbols[right]}` !== joint) continue;
      symbols[left] = joint;
      symbols[right] = '';
      const after = next[right] ?? symbols.length;
      next[left] = after;
      if (after < symbols.length) before[after] = left;
      offer(before[left] ?? -1);
      offer(left);
    }
  }

  #idsOf(symbol: string): readonly number[] {
    const id = this.#ids.get(symbol);
    if (id !== undefined) return [id];
    return Array.from(new TextEncoder().encode(symbol), (byte) => this.#bytes[byte] ?? this.#unknown);
  }
}

interface Pair {
  readonly score: number;
  readonly left: number;
  readonly joint: string;
}

/** Pairs by falling score, then from left to right. */
class PairHeap {
  readonly #pairs: Pair[] = [];

  push(pair: Pair): void {
    const pairs = this.#pairs;
    let at = pairs.push(pair) - 1;
    for (let up = (at - 1) >> 1; at > 0 && before(pairs[at], pairs[up]); at = up, up = (at - 1) >> 1)
      this.#swap(at, up);
  }

  pop(): Pair | undefined {
    const pairs = this.#pairs;
    const [first] = pairs;
    const last = pairs.pop();
    if (pairs.length === 0 || last === undefined) return first;
    pairs[0] = last;
    for (let at = 0; ;) {
      let best = at;
      for (const child of [2 * at + 1, 2 * at + 2]) if (before(pairs[child], pairs[best])) best = child;
      if (best === at) return first;
      this.#swap(at, best);
      at = best;
    }
  }

  #swap(a: number, b: number): void {
    const [x, y] = [this.#pairs[a], this.#pairs[b]];
    if (x === undefined || y === undefined) return;
    this.#pairs[a] = y;
    this.#pairs[b] = x;
  }
}

function before(a: Pair | undefined, b: Pair | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.score > b.score || (a.score === b.score && a.left < b.left);
}

/** The pieces of a `ModelProto`: field 1, each with its text (1), score (2) and type (3). Other fields are stepped over. */
function readPieces(model: Uint8Array, source: string): readonly Piece[] {
  const view = new DataView(model.buffer, model.byteOffset, model.byteLength);
  const damaged = (): FreebindError =>
    new FreebindError(
      'FREEBIND_FILE_INVALID',
      `${source} is no SentencePiece model, or is damaged. Get it again from its source.`,
    );
  let at = 0;
  const varint = (end: number): number => {
    let [value, scale] = [0, 1];
    for (let i = 0; i < 10; i++) {
      if (at >= end) throw damaged();
      const byte = model[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw damaged();
  };
  /** Where the field's content begins and ends; `at` is after it. */
  const field = (end: number): { readonly number: number; readonly wire: number; readonly start: number } => {
    const key = varint(end);
    const wire = key % 8;
    if (wire === 2) {
      const length = varint(end);
      const start = at;
      at += length;
      if (at > end) throw damaged();
      return { number: Math.floor(key / 8), wire, start };
    }
    const start = at;
    if (wire === 0) varint(end);
    else if (wire === 5) at += 4;
    else if (wire === 1) at += 8;
    else throw damaged();
    if (at > end) throw damaged();
    return { number: Math.floor(key / 8), wire, start };
  };
  const pieces: Piece[] = [];
  const text = new TextDecoder();
  while (at < model.length) {
    const { number, wire, start } = field(model.length);
    if (number !== 1 || wire !== 2) continue;
    const end = at;
    at = start;
    const piece = { text: '', score: 0, type: NORMAL };
    // oxlint-disable-next-line no-unmodified-loop-condition -- `field` moves `at`
    while (at < end) {
      const inner = field(end);
      if (inner.number === 1 && inner.wire === 2) piece.text = text.decode(model.subarray(inner.start, at));
      if (inner.number === 2 && inner.wire === 5) piece.score = view.getFloat32(inner.start, true);
      if (inner.number === 3 && inner.wire === 0) piece.type = model[inner.start] ?? NORMAL;
    }
    at = end;
    pieces.push(piece);
  }
  if (pieces.length === 0) throw damaged();
  return pieces;
}
