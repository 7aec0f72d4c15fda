import { PickleBytes, PickleCut } from './pickle-bytes.ts';
import { Foreign, Global, type PickleHost, type PickleValue, unsafe } from './pickle-value.ts';

/** The longest pickle that is read. Numbers of tensors lie outside of it, so a state dict of 10,000 tensors has 2 MB. */
export const LONGEST_PICKLE = 2 ** 26;
/**
 * Most containers, calls and memo entries together: some 27,000 tensors, which take 19 each. One byte of a pickle makes one of them, and at some
 * 200 bytes each this keeps a hostile file from more than about 100 MB.
 */
const MOST_VALUES = 2 ** 19;
/** `_rebuild_tensor_v2` takes seven. */
const MOST_ARGUMENTS = 16;
/** Python's pickler puts items into lists and dicts a thousand at a time. */
const HIGHEST_STACK = 2 ** 17;

/**
 * Interprets the opcodes of protocols 2 to 5 that data needs, from byte `start` of `bytes`. Nothing in a pickle ever runs:
 * a name is looked up in the host's closed list, and calling one is the host's own code. Undefined when `bytes` end before
 * the pickle does.
 *
 * @throws FREEBIND_FILE_UNSAFE when the pickle asks for code to be run: a name that the host refuses, or an opcode that makes objects
 * @throws FREEBIND_FILE_INVALID when it is malformed or makes more than a checkpoint needs
 */
export function runPickle(
  bytes: Uint8Array,
  start: number,
  host: PickleHost,
): { readonly value: PickleValue; readonly end: number } | undefined {
  try {
    return new PickleMachine(new PickleBytes(bytes, start, host.source), host).run();
  } catch (error) {
    if (error instanceof PickleCut) return undefined;
    throw error;
  }
}

/** Opcodes that make objects by running their class: Python `Lib/pickle.py`. */
const RUNNING_OPCODES: Readonly<Record<number, string>> = {
  0x69: 'INST',
  0x6f: 'OBJ',
  0x81: 'NEWOBJ',
  0x82: 'EXT1',
  0x83: 'EXT2',
  0x84: 'EXT4',
  0x92: 'NEWOBJ_EX',
};

class PickleMachine {
  readonly #in: PickleBytes;
  readonly #host: PickleHost;
  readonly #stack: PickleValue[] = [];
  /** Heights of the stack at which a MARK stands. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #values = 0;

  constructor(bytes: PickleBytes, host: PickleHost) {
    this.#in = bytes;
    this.#host = host;
  }

  run(): { readonly value: PickleValue; readonly end: number } {
    for (;;) {
      const opcode = this.#in.uint8();
      if (opcode === 0x2e) return { value: this.#pop(), end: this.#in.at }; // STOP
      this.#step(opcode);
    }
  }

  #step(opcode: number): void {
    const bytes = this.#in;
    switch (opcode) {
      case 0x80: // PROTO
        return this.#checkProtocol(bytes.uint8());
      case 0x95: // FRAME: its length is a hint for buffering
        return void bytes.length8();
      case 0x28: // MARK
        if (this.#marks.push(this.#stack.length) > HIGHEST_STACK) this.#fail('sets marks without end');
        return;

      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x4b: // BININT1
        return this.#push(bytes.uint8());
      case 0x4d: // BININT2
        return this.#push(bytes.uint16());
      case 0x4a: // BININT
        return this.#push(bytes.int32());
      case 0x8a: // LONG1
        return this.#push(bytes.long(bytes.uint8()));
      case 0x8b: // LONG4
        return this.#push(bytes.long(bytes.uint32()));
      case 0x47: // BINFLOAT
        return this.#push(bytes.float64());

      case 0x8c: // SHORT_BINUNICODE
        return this.#push(bytes.utf8(bytes.uint8()));
      case 0x58: // BINUNICODE
        return this.#push(bytes.utf8(bytes.uint32()));
      case 0x8d: // BINUNICODE8
        return this.#push(bytes.utf8(bytes.length8()));
      case 0x55: // SHORT_BINSTRING: a str of Python 2
        return this.#push(bytes.latin1(bytes.uint8()));
      case 0x54: // BINSTRING
        return this.#push(bytes.latin1(bytes.uint32()));
      case 0x43: // SHORT_BINBYTES
        return this.#push(bytes.copy(bytes.uint8()));
      case 0x42: // BINBYTES
        return this.#push(bytes.copy(bytes.uint32()));
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        return this.#push(bytes.copy(bytes.length8()));

      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        return this.#make([]);
      case 0x7d: // EMPTY_DICT
        return this.#make(new Map());
      case 0x74: // TUPLE
        return this.#make(this.#popToMark());
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.#make(this.#popMany(opcode - 0x84));
      case 0x61: // APPEND
        return this.#append([this.#pop()]);
      case 0x65: // APPENDS
        return this.#append(this.#popToMark());
      case 0x73: // SETITEM
        return this.#setItems(this.#popMany(2));
      case 0x75: // SETITEMS
        return this.#setItems(this.#popToMark());

      case 0x71: // BINPUT
        return this.#remember(bytes.uint8());
      case 0x72: // LONG_BINPUT
        return this.#remember(bytes.uint32());
      case 0x94: // MEMOIZE
        return this.#remember(this.#memo.size);
      case 0x68: // BINGET
        return this.#recall(bytes.uint8());
      case 0x6a: // LONG_BINGET
        return this.#recall(bytes.uint32());

      case 0x63: // GLOBAL
        return this.#make(this.#host.global(`${bytes.line()}.${bytes.line()}`));
      case 0x93: // STACK_GLOBAL
        return this.#stackGlobal();
      case 0x52: // REDUCE
        return this.#reduce();
      case 0x62: // BUILD
        return this.#build();
      case 0x51: // BINPERSID
        return this.#make(this.#host.persistent(this.#pop()));
      default:
        return this.#refuse(opcode);
    }
  }

  #checkProtocol(protocol: number): void {
    if (protocol < 2 || protocol > 5) this.#fail(`is a pickle of protocol ${protocol}, but 2 to 5 are read`);
  }

  #push(value: PickleValue): void {
    if (this.#stack.push(value) > HIGHEST_STACK)
      this.#fail('keeps more values waiting than any writer of pickles does');
  }

  #make(value: PickleValue): void {
    this.#spend(1);
    this.#push(value);
  }

  #spend(values: number): void {
    this.#values += values;
    if (this.#values > MOST_VALUES) {
      this.#fail(`makes more than ${MOST_VALUES} values, which no state dict needs; save the state dict alone`);
    }
  }

  #pop(): PickleValue {
    const value = this.#stack.length > (this.#marks.at(-1) ?? 0) ? this.#stack.pop() : undefined;
    return value === undefined ? this.#fail('takes a value from an empty stack') : value;
  }

  #popMany(count: number): PickleValue[] {
    if (this.#stack.length - (this.#marks.at(-1) ?? 0) < count) this.#fail('takes a value from an empty stack');
    return this.#stack.splice(this.#stack.length - count);
  }

  #popToMark(): PickleValue[] {
    return this.#stack.splice(this.#marks.pop() ?? this.#fail('goes back to a mark that is not there'));
  }

  #top(): PickleValue | undefined {
    return this.#stack.length > (this.#marks.at(-1) ?? 0) ? this.#stack.at(-1) : undefined;
  }

  #append(items: readonly PickleValue[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) this.#fail('appends to what is not a list');
    else for (const item of items) list.push(item);
  }

  #setItems(items: readonly PickleValue[]): void {
    const dict = this.#top();
    if (!(dict instanceof Map)) return this.#fail('sets an item of what is not a dict');
    if (items.length % 2 !== 0) this.#fail('sets a key without a value');
    for (let i = 0; i < items.length; i += 2) dict.set(items[i] ?? null, items[i + 1] ?? null);
  }

  #remember(index: number): void {
    const value = this.#top();
    if (value === undefined) return this.#fail('remembers a value from an empty stack');
    this.#spend(1);
    this.#memo.set(index, value);
  }

  #recall(index: number): void {
    const value = this.#memo.get(index);
    this.#push(value === undefined ? this.#fail(`recalls value ${index}, which it never made`) : value);
  }

  #stackGlobal(): void {
    const [module, name] = this.#popMany(2);
    if (typeof module !== 'string' || typeof name !== 'string') return this.#fail('names a global by what is not text');
    this.#make(this.#host.global(`${module}.${name}`));
  }

  #reduce(): void {
    const [called, args] = this.#popMany(2);
    if (!(called instanceof Global) || !Array.isArray(args)) return this.#fail('calls what cannot be called');
    if (called.call === undefined) return this.#unsafe(`calls ${called.what}`);
    if (args.length > MOST_ARGUMENTS) this.#fail(`calls ${called.what} with ${args.length} arguments`);
    // A host may copy what it is given, and one list may be given many times.
    for (const arg of args) if (Array.isArray(arg)) this.#spend(arg.length);
    this.#make(called.call(args));
  }

  /** Attributes, such as the `_metadata` of a state dict, are dropped: they are no data of ours, and nothing is set. */
  #build(): void {
    this.#pop();
    const built = this.#top();
    if (!(built instanceof Map) && !(built instanceof Foreign && !(built instanceof Global))) {
      this.#fail('sets attributes of what has none');
    }
  }

  #refuse(opcode: number): never {
    const name = RUNNING_OPCODES[opcode];
    if (name !== undefined) this.#unsafe(`uses the opcode ${name}`);
    return this.#fail(`has an opcode, 0x${opcode.toString(16)}, that PyTorch does not write`);
  }

  #unsafe(what: string): never {
    throw unsafe(this.#host.source, `${what} (byte ${this.#in.at})`);
  }

  #fail(what: string): never {
    return this.#in.fail(what);
  }
}
