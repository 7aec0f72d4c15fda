import { Graph } from './graph.ts';
import { normaliseRows } from './layers.ts';
import { weigh } from './weigh.ts';

/** `queries` [q, d], `keys` [m, d] → `scores` [q, m]. */
export function scoreGraph(): Uint8Array {
  const graph = new Graph();
  const [queries, keys] = [graph.input('queries', ['q', 'd']), graph.input('keys', ['m', 'd'])];
  graph.output('scores', graph.gemm(queries, keys, { transB: true }));
  return graph.encode();
}

/**
 * `queries` [q, d], `keys` [m, d] → `scores` [m, q], a key a row: of the two factors GEMM copies the second into panels, and of
 * a ranking the queries are the fewer. `halves`: keys are float16 and widened here, at a byte a cycle and less.
 */
export function rankingGraph(halves: boolean): Uint8Array {
  const graph = new Graph();
  const queries = graph.input('queries', ['q', 'd']);
  const keys = graph.input('keys', ['m', 'd'], halves ? 'float16' : 'float32');
  graph.output('scores', graph.gemm(halves ? graph.toFloat32(keys) : keys, queries, { transB: true }));
  return graph.encode();
}

/**
 * One tile of a bank in a softmax that is never whole. A block of queries keeps the highest score seen, `highest` [q, 1],
 * `total` [q, 1] = Σ exp((score − highest)/τ) and `sum` [q, dv] = Σ exp((score − highest)/τ) · value; when a tile raises the
 * highest, both are scaled by exp((old − new)/τ), and the answer is sum / total (Milakov and Gimelshein 2018, "Online
 * normalizer calculation for softmax"). Differences are taken before they are divided by τ, so that no τ overflows.
 */
export function aggregateGraph(ownValues: boolean): Uint8Array {
  const graph = new Graph();
  const queries = graph.input('queries', ['q', 'd']);
  const keys = graph.input('keys', ['m', 'd']);
  const values = ownValues ? graph.input('values', ['m', 'dv']) : keys;
  const highest = graph.input('highest', ['q', 1]);
  const total = graph.input('total', ['q', 1]);
  const sum = graph.input('sum', ['q', ownValues ? 'dv' : 'd']);
  const coldness = graph.input('coldness', []); // 1/τ

  const scores = graph.gemm(queries, keys, { transB: true });
  const top = graph.max(highest, graph.reduce('ReduceMax', scores, 1));
  const weights = weigh(graph, graph.mul(graph.sub(scores, top), coldness));
  const kept = weigh(graph, graph.mul(graph.sub(highest, top), coldness));
  graph.outputUnreadable();
  graph.output('next/highest', top);
  graph.output('next/total', graph.add(graph.mul(total, kept), graph.reduce('ReduceSum', weights, 1)));
  graph.output('next/sum', graph.gemm(weights, values, { c: graph.mul(sum, kept) }));
  return graph.encode();
}

/** normalise(Σ factorᵢ · partᵢ) of `count` parts `part/i` [n, d] with `factor/i` [] → `combined`. */
export function combineGraph(count: number): Uint8Array {
  const graph = new Graph();
  const weighed = Array.from({ length: count }, (_, i) =>
    graph.mul(graph.input(`part/${i}`, ['n', 'd']), graph.input(`factor/${i}`, [])),
  );
  const sum = weighed.reduce((a, b) => graph.add(a, b));
  graph.output('combined', normaliseRows(graph, sum).output);
  return graph.encode();
}
