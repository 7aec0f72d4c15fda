import { dropoutMask } from './dropout.js';

/** @typedef {import('@tensorflow/tfjs-core').Tensor} Tensor */
/** @typedef {import('../worker-protocol.ts').Compiled & { readonly tensors: ReadonlyMap<string, Tensor> }} Program a program and its constants, by slot */

/**
 * Runs a program and gives its outputs, which the caller disposes. Everything else that the run made is disposed here, also when
 * a kernel throws or complains; then the states are as they were.
 *
 * @param {import('./runtimes.js').Engine} engine
 * @param {Program} program
 * @param {import('../worker-protocol.ts').PackedByName} feeds
 * @param {readonly Map<string, Tensor>[]} states
 * @param {Map<string, Tensor>} [spent] what the run takes, and leaves empty
 * @returns {Map<string, Tensor>}
 */
export function runProgram(engine, program, feeds, states, spent = new Map()) {
  engine.startScope();
  try {
    const outputs = compute(engine, program, feeds, states, spent);
    engine.check();
    for (const tensor of outputs.values()) engine.keep(tensor);
    return replace(outputs, states);
  } catch (error) {
    engine.forget();
    throw error;
  } finally {
    engine.endScope();
    for (const tensor of spent.values()) if (!tensor.isDisposed) tensor.dispose();
    spent.clear();
  }
}

/**
 * @param {import('./runtimes.js').Engine} engine
 * @param {Program} program
 * @param {import('../worker-protocol.ts').PackedByName} feeds
 * @param {readonly Map<string, Tensor>[]} states
 * @param {ReadonlyMap<string, Tensor>} spent
 * @returns {Map<string, Tensor>}
 */
function compute(engine, { inputs, tensors, instructions, outputs }, feeds, states, spent) {
  /** What instructions read and write, by slot. Integers are fed to masks only and never become tensors. @type {(Tensor | Int32Array)[]} */
  const slots = [];
  /** Slots that outlive the run. @type {Set<number>} */
  const kept = new Set();
  for (const [slot, tensor] of tensors) {
    slots[Number(slot)] = tensor;
    kept.add(Number(slot));
  }
  for (const { name, slot, unused } of inputs) {
    const feed = feeds[name];
    const part = spent.get(name);
    if (unused) continue;
    if (part !== undefined) slots[slot] = part;
    else if (feed === undefined) {
      const tensor = states.find((state) => state.has(name))?.get(name);
      if (tensor === undefined) throw new Error(`The program was not fed "${name}".`);
      slots[slot] = tensor;
      kept.add(slot);
    } else
      slots[slot] = feed.data instanceof Int32Array ? feed.data : engine.tensor(feed.data, [...feed.shape], 'float32');
  }
  for (const { kernel, inputs: read, attributes, slot, free } of instructions) {
    if (kernel === 'DropoutMask') slots[slot] = dropoutMask(engine, pick(read, slots), attributes);
    else slots[slot] = engine.runKernel(kernel, pick(read, slots), attributes);
    for (const spent of free) if (!kept.has(spent)) dispose(slots[spent]);
  }
  // Programs give tensors.
  return new Map(outputs.map(({ name, slot }) => [name, /** @type {Tensor} */ (slots[slot])]));
}

/**
 * Puts outputs `next/NAME` in the place of NAME in the state that has it, and gives the others.
 *
 * @param {ReadonlyMap<string, Tensor>} outputs
 * @param {readonly Map<string, Tensor>[]} states
 */
function replace(outputs, states) {
  const others = new Map(outputs);
  for (const [output, tensor] of outputs) {
    const name = output.slice('next/'.length);
    const state = output.startsWith('next/') ? states.find((known) => known.has(name)) : undefined;
    if (state === undefined) continue;
    others.delete(output);
    if (state.get(name) !== tensor) state.get(name)?.dispose();
    state.set(name, tensor);
  }
  return others;
}

/** @param {readonly number[] | Readonly<Record<string, number>>} named @param {readonly unknown[]} slots @returns {any} */
const pick = (named, slots) =>
  Array.isArray(named)
    ? named.map((slot) => slots[slot])
    : Object.fromEntries(Object.entries(named).map(([name, slot]) => [name, slots[slot]]));

/** @param {Tensor | Int32Array | undefined} spent */
function dispose(spent) {
  if (spent !== undefined && !(spent instanceof Int32Array)) spent.dispose();
}
