import { FreebindError } from '@freebind/core';

/** The bytes ended before the pickle did. Whoever has more of the file tries again with them. */
export class PickleCut extends Error {}

/** Module and class names are short; a longer line is no pickle. */
const LONGEST_LINE = 256;
/** PyTorch's own longest whole number is the magic one of legacy files, 10 bytes. */
const LONGEST_NUMBER = 32;

/** Reads the arguments of opcodes, all little-endian but for floats. Every length is checked before memory is taken. */
export class PickleBytes {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #source: string;
  #at: number;

  constructor(bytes: Uint8Array, start: number, source: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#source = source;
    this.#at = start;
  }

  /** Number of the next byte. */
  get at(): number {
    return this.#at;
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  /** A length of eight bytes. */
  length8(): number {
    return Number(this.#view.getBigUint64(this.#advance(8), true));
  }

  /** Big-endian, alone among the numbers of a pickle. */
  float64(): number {
    return this.#view.getFloat64(this.#advance(8), false);
  }

  /** A whole number of `length` bytes in two's complement: a bigint where a number would not be exact. */
  long(length: number): number | bigint {
    if (length > LONGEST_NUMBER) this.fail(`has a whole number of ${length} bytes`);
    const start = this.#advance(length);
    let whole = 0n;
    for (let i = length - 1; i >= 0; i--) whole = (whole << 8n) | BigInt(this.#bytes[start + i] ?? 0);
    whole = BigInt.asIntN(8 * length, whole);
    return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole;
  }

  utf8(length: number): string {
    const text = this.#take(length);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text);
    } catch (cause) {
      return this.fail('has text that is not UTF-8', cause);
    }
  }

  latin1(length: number): string {
    return this.#ascii(this.#take(length));
  }

  copy(length: number): Uint8Array {
    return this.#take(length).slice();
  }

  /** Text up to a line break, which is skipped. */
  line(): string {
    const end = this.#bytes.subarray(this.#at, this.#at + LONGEST_LINE).indexOf(0x0a);
    if (end >= 0) return this.#ascii(this.#take(end + 1).subarray(0, end));
    if (this.#at + LONGEST_LINE > this.#bytes.length) throw new PickleCut();
    return this.fail(`has a name of more than ${LONGEST_LINE} characters`);
  }

  fail(what: string, cause?: unknown): never {
    throw new FreebindError(
      'FREEBIND_FILE_INVALID',
      `${this.#source} ${what} (byte ${this.#at}). It is damaged, or no checkpoint that \`torch.save\` wrote; download or save it again.`,
      { cause },
    );
  }

  #ascii(bytes: Uint8Array): string {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  }

  #take(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  #advance(length: number): number {
    const start = this.#at;
    if (!(start + length <= this.#bytes.length)) throw new PickleCut();
    this.#at = start + length;
    return start;
  }
}
