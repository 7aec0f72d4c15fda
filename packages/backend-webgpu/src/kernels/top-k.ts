import type { Kernel, Plan } from '../plan.ts';
import type { Rows } from '../rows.ts';
import { GROUP_NUMBER, LANES, spread } from './groups.ts';

/** The best of each query, best first: scores [q, k] and rows of the bank [q, k], integers. */
export interface Best {
  readonly scores: Rows;
  readonly indices: Rows;
}

/**
 * Merges a tile's scores into the best so far. The order is total (higher score, then lower row), so the next best is the best of
 * those behind the last one in that order: k walks over the tile, nothing to sort and nothing to mark. A score of NaN is behind
 * nothing; its row is kept in `damaged`.
 * Shapes: scores [q, t], from row `start` of the bank; before, after: the `known` and the `wanted` best, in rows of k; damaged [q],
 * a row's number + 1 or 0. Bindings: q, t, start, known, wanted, k; scores, before (2), after (2), damaged. Dispatch: a workgroup
 * a query.
 * Source: this project's; it sorts nothing, as k is small beside a tile.
 */
export function topK(
  plan: Plan,
  tile: {
    readonly scores: Rows;
    readonly start: number;
    readonly before: Best;
    readonly known: number;
    readonly after: Best;
    readonly wanted: number;
    readonly damaged: Rows;
  },
): void {
  const { scores, start, before, known, after, wanted, damaged } = tile;
  plan.dispatch({
    kernel: KERNEL,
    numbers: [scores.rows, scores.cols, start, known, wanted, after.scores.cols],
    bindings: [scores, before.scores, before.indices, after.scores, after.indices, damaged],
    groups: spread(scores.rows),
  });
}

const KERNEL: Kernel = {
  label: 'top k',
  source: /* wgsl */ `
struct Shape { rows: u32, cols: u32, start: u32, known: u32, wanted: u32, k: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read> scoresBefore: array<f32>;
@group(0) @binding(3) var<storage, read> indicesBefore: array<u32>;
@group(0) @binding(4) var<storage, read_write> scoresAfter: array<f32>;
@group(0) @binding(5) var<storage, read_write> indicesAfter: array<u32>;
@group(0) @binding(6) var<storage, read_write> damaged: array<u32>;
const NONE = 0xffffffffu;
struct Candidate { score: f32, index: u32 }
var<workgroup> candidates: array<Candidate, ${LANES}>;
var<workgroup> nanAt: array<u32, ${LANES}>;
${GROUP_NUMBER}
fn isNan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
fn isBetter(a: Candidate, b: Candidate) -> bool {
  if (a.index == NONE || b.index == NONE) { return b.index == NONE && a.index != NONE; }
  return a.score > b.score || (a.score == b.score && a.index < b.index);
}
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let q = groupNumber(group, groups);
  if (q >= shape.rows) { return; }
  let row = q * shape.cols;
  let list = q * shape.k;
  var nan = NONE;
  for (var c = lane; c < shape.cols; c += ${LANES}u) {
    if (isNan(scores[row + c])) { nan = min(nan, shape.start + c); }
  }
  nanAt[lane] = nan;
  var last = Candidate(0.0, NONE);
  for (var place = 0u; place < shape.wanted; place++) {
    var best = Candidate(0.0, NONE);
    for (var c = lane; c < shape.cols; c += ${LANES}u) {
      let next = Candidate(scores[row + c], shape.start + c);
      if ((last.index == NONE || isBetter(last, next)) && isBetter(next, best)) { best = next; }
    }
    for (var i = lane; i < shape.known; i += ${LANES}u) {
      let next = Candidate(scoresBefore[list + i], indicesBefore[list + i]);
      if ((last.index == NONE || isBetter(last, next)) && isBetter(next, best)) { best = next; }
    }
    candidates[lane] = best;
    workgroupBarrier();
    for (var stride = ${LANES / 2}u; stride > 0u; stride >>= 1u) {
      if (lane < stride && isBetter(candidates[lane + stride], candidates[lane])) { candidates[lane] = candidates[lane + stride]; }
      workgroupBarrier();
    }
    last = candidates[0];
    workgroupBarrier();
    if (lane == 0u) {
      scoresAfter[list + place] = last.score;
      indicesAfter[list + place] = last.index;
    }
  }
  workgroupBarrier();
  if (lane == 0u) {
    var first = NONE;
    for (var i = 0u; i < ${LANES}u; i++) { first = min(first, nanAt[i]); }
    if (first != NONE && damaged[q] == 0u) { damaged[q] = first + 1u; }
  }
}`,
};
