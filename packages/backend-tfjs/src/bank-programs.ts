import { normaliseRows } from './norms.ts';
import { Program, type Value } from './program.ts';
import { weighRows } from './weigh.ts';
import type { Compiled } from './worker-protocol.ts';

/**
 * The scores of `queries` against a tile of keys, not yet divided by anything: `keys` [m, dk], `turned` (the queries
 * transposed) [dk, n] → `scores` [n, m].
 */
export function scoreProgram(): Compiled {
  const program = new Program();
  program.output('scores', scores(program));
  return program.compile();
}

/**
 * One tile of `aggregate`. The state of a block of queries is `turned` [dk, n], `highest` [n, 1], `total` [n, 1] and `sum`
 * [n, dv]; the tile is `keys` [m, dk] and, if `ownValues`, `values` [m, dv]; `coldness` is 1/τ. With p = softmax(z) of the
 * tile's row, whose largest entry is 1/Σ exp(z − max), the tile adds Σ exp(z − max) to the total and that times p · values
 * to the sum, both scaled to the highest logit so far. (Milakov and Gimelshein 2018, "Online normalizer calculation for
 * softmax".) The Softmax kernel of wasm is XNNPACK's and several times as fast as its Exp.
 */
export function aggregateProgram(ownValues: boolean): Compiled {
  const program = new Program();
  const logits = program.mul(scores(program), program.input('coldness', []));
  const values = ownValues ? program.input('values', ['m', 'dv']) : program.input('keys', ['m', 'dk']);
  const [before, total, sum] = [
    program.input('highest', ['n', 1]),
    program.input('total', ['n', 1]),
    program.input('sum', ['n', ownValues ? 'dv' : 'dk']),
  ];
  const here = program.maxOfRow(logits);
  const highest = program.max(before, here);
  const softmax = weighRows(program, logits);
  const mass = program.div(program.exp(program.sub(here, highest)), program.maxOfRow(softmax));
  const faded = program.exp(program.sub(before, highest));
  program.output('next/highest', highest);
  program.output('next/total', program.add(program.mul(total, faded), mass));
  const added = program.mul(program.product(softmax, values), mass);
  program.output('next/sum', program.add(program.mul(sum, faded), added));
  return program.compile();
}

/** The keys are the left factor, which XNNPACK reads as it is; the right one, packed once for all tiles, is the queries. */
function scores(program: Program): Value {
  const turned = program.input('turned', ['dk', 'n']);
  return program.transpose(program.product(program.input('keys', ['m', 'dk']), turned));
}

/** `part/0`, `factor/0`, `part/1`, … → `combined`: normalise(Σ factorᵢ · partᵢ), for all parts [n, d]. */
export function combineProgram(parts: number): Compiled {
  const program = new Program();
  const weighted = Array.from({ length: parts }, (_, i) =>
    program.mul(program.input(`part/${i}`, ['n', 'd']), program.input(`factor/${i}`, [])),
  );
  program.output('combined', normaliseRows(program, program.sum(weighted)).output);
  return program.compile();
}
