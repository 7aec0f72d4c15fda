import { expect, test } from 'vitest';
import { Program } from '../src/program.ts';
import { runProgram } from '../src/worker/run.js';

/** A tensor of nothing but its name. */
const tensor = (name: string) => {
  const made = { name, isDisposed: false, dispose: () => void (made.isDisposed = true) };
  return made;
};

/** An engine whose kernels complain, and throw if told to; it computes nothing. */
function complaining(thrown?: Error) {
  let complaints: string[] = [];
  const made: ReturnType<typeof tensor>[] = [];
  const engine = {
    tensor: () => tensor('fed'),
    copies: false,
    runKernel: (kernel: string) => {
      complaints.push(`${kernel} has no memory`);
      if (thrown !== undefined) throw thrown;
      made.push(tensor(kernel));
      return made.at(-1);
    },
    startScope: () => undefined,
    endScope: () => made.forEach((one) => one.dispose()),
    keep: () => undefined,
    memory: () => ({ numTensors: 0, numBytes: 0 }),
    check: () => {
      const [found] = complaints.splice(0);
      if (found !== undefined) throw new Error(found);
    },
    forget: () => {
      complaints = [];
    },
    end: () => undefined,
  };
  // As far as `runProgram` sees, these are tensors of TensorFlow.js.
  return { engine: engine as unknown as Parameters<typeof runProgram>[0], left: () => complaints };
}

test.each([
  ['complains', undefined, 'Exp has no memory'],
  ['complains and throws', new Error('the memory is full'), 'the memory is full'],
])('a kernel that %s fails its run and no other, and leaves the state as it was', (_, thrown, message) => {
  const program = new Program();
  program.output('next/w', program.exp(program.input('w', [1])));
  const w = tensor('w');
  const state = new Map([['w', w]]) as unknown as Parameters<typeof runProgram>[3][number];
  const { engine, left } = complaining(thrown);
  expect(() => runProgram(engine, { ...program.compile(), tensors: new Map() }, {}, [state])).toThrow(message);
  expect(left()).toEqual([]);
  expect(state.get('w')).toBe(w);
  expect(w.isDisposed).toBe(false);
});
