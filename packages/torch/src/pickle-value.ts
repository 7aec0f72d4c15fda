import { FreebindError } from '@freebind/core';

/** What the host of a pickle made: storages, tensors, names without further meaning here. */
export abstract class Foreign {
  /** What it is, for messages. */
  abstract readonly what: string;
}

/** A name that a pickle may say, `module.name`, and what calling it gives where the host allows that: never the thing itself. */
export class Global extends Foreign {
  readonly what: string;
  readonly call: ((args: readonly PickleValue[]) => PickleValue) | undefined;

  constructor(name: string, call?: (args: readonly PickleValue[]) => PickleValue) {
    super();
    this.what = name;
    this.call = call;
  }
}

/** What a pickle can hold: plain data and what its host made. Tuples and lists are arrays, dicts are maps. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Foreign;

/** Gives a pickle's names and persistent ids their meaning. What it does not know it refuses. */
export interface PickleHost {
  /** The file, for messages. */
  readonly source: string;
  /** @throws FREEBIND_FILE_UNSAFE for every name but the few that a state dict needs */
  global(name: string): Global;
  /** What the pickle left outside of itself under `id`: a tensor's storage. */
  persistent(id: PickleValue): PickleValue;
}

/** The refusal of a file that asks for code to be run. */
export function unsafe(source: string, what: string): FreebindError {
  return new FreebindError(
    'FREEBIND_FILE_UNSAFE',
    `${source} ${what}, which could run any code; a state dict needs only tensors and plain values. Nothing was run. ` +
      'Do not open it with PyTorch either, unless you trust who made it; if you do, save its `state_dict()` alone.',
  );
}
