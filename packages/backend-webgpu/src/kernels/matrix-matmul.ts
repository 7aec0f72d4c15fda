import type { Dispatch, Kernel } from '../plan.ts';
import type { MatrixTile } from './matmul-tiles.ts';
import { bindingsFor, dispatchOf, type Ending, layoutName, type Product, storing } from './product.ts';
import { bring, NEAREST_HALF } from './staging.ts';

/** Rows and columns of out that a workgroup computes, and those that one of its four subgroups does. */
const [TILE, PART] = [64, 32];
/** Subgroups of a workgroup. */
const PARTS = 4;
/** Columns of A that go through workgroup memory at once. */
const DEPTH = 32;

/**
 * out = A · B with the device's own products of small matrices (tensor cores and their like): factors are rounded to float16 on the
 * way into workgroup memory, from which each of four subgroups loads the matrices of its quarter of the tile, and added in float32.
 * The order in which a device adds within one small product is its own, so this gives other bits than the tiles of `matmul.ts`.
 *
 * Shapes: see `Product`. Bindings: m, n, k; A, B, out, bias or rescale. Dispatch: a workgroup a tile of 64 × 64, x along n.
 * Source: the WGSL extension chromium_experimental_subgroup_matrix as Dawn documents it (docs/tint/extensions).
 */
export function matrixMatmul(product: Product, tile: MatrixTile): Dispatch {
  return dispatchOf(product, { height: TILE, width: TILE }, (transposeA, transposeB, ending) =>
    kernelOf(tile, transposeA, transposeB, ending),
  );
}

/** Whether matrices of this size fill the part of a subgroup, and a workgroup has no more threads and memory than the standard grants. */
export function fitsParts({ m, n, k, lanes }: MatrixTile['matrix']): boolean {
  // Slices of A and B in float16, and a float32 sum of each subgroup.
  const bytes = 2 * (2 * TILE * DEPTH) + 4 * (PARTS * m * n);
  return PART % m === 0 && PART % n === 0 && DEPTH % k === 0 && PARTS * lanes <= 256 && bytes <= 2 ** 14;
}

function kernelOf({ name, matrix }: MatrixTile, transposeA: boolean, transposeB: boolean, ending: Ending): Kernel {
  const { m, n, k, lanes } = matrix;
  const threads = PARTS * lanes;
  const slice = { width: TILE, depth: DEPTH, threads, factors: 'float16' } as const;
  const rows = Array.from({ length: PART / m }, (_, i) => i);
  const columns = Array.from({ length: PART / n }, (_, j) => j);
  const eachSum = (line: (i: number, j: number) => string): string =>
    rows.flatMap((i) => columns.map((j) => line(i, j))).join('\n');
  const source = /* wgsl */ `
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
${bindingsFor(ending)}
alias Left = subgroup_matrix_left<f16, ${k}, ${m}>;
alias Right = subgroup_matrix_right<f16, ${n}, ${k}>;
alias Sum = subgroup_matrix_result<f32, ${n}, ${m}>;
${NEAREST_HALF}
var<workgroup> tileA: array<f16, ${TILE * DEPTH}>;
var<workgroup> tileB: array<f16, ${DEPTH * TILE}>;
var<workgroup> sums: array<f32, ${PARTS * m * n}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32, @builtin(subgroup_id) part: u32) {
  let startM = group.y * ${TILE}u;
  let startN = group.x * ${TILE}u;
  let partM = part / 2u * ${PART}u;
  let partN = part % 2u * ${PART}u;
  ${eachSum((i, j) => `var sum${i}_${j}: Sum;`)}
  for (var slice = 0u; slice < shape.k; slice += ${DEPTH}u) {
    ${bring({ ...slice, from: 'a', into: 'tileA', kStride: 1, wStride: DEPTH, alongK: !transposeA })}
    ${bring({ ...slice, from: 'b', into: 'tileB', kStride: TILE, wStride: 1, alongK: transposeB })}
    workgroupBarrier();
    for (var k = 0u; k < ${DEPTH}u; k += ${k}u) {
      ${rows.map((i) => `let a${i} = subgroupMatrixLoad<Left, row_major>(&tileA, (partM + ${i * m}u) * ${DEPTH}u + k, ${DEPTH}u);`).join('\n')}
      ${columns.map((j) => `let b${j} = subgroupMatrixLoad<Right, row_major>(&tileB, k * ${TILE}u + partN + ${j * n}u, ${TILE}u);`).join('\n')}
      ${eachSum((i, j) => `sum${i}_${j} = subgroupMatrixMultiplyAccumulate(a${i}, b${j}, sum${i}_${j});`)}
    }
    workgroupBarrier();
  }
  ${eachSum(
    (i, j) => `
  subgroupMatrixStore<row_major>(&sums, part * ${m * n}u, sum${i}_${j}, ${n}u);
  workgroupBarrier();
  for (var e = thread; e < ${PARTS * m * n}u; e += ${threads}u) {
    let owner = e / ${m * n}u;
    let m = startM + owner / 2u * ${PART}u + ${i * m}u + e % ${m * n}u / ${n}u;
    let n = startN + owner % 2u * ${PART}u + ${j * n}u + e % ${n}u;
    ${storing('sums[e]', ending)}
  }
  workgroupBarrier();`,
  )}
}`;
  return { label: `matmul ${layoutName(transposeA, transposeB)}, ${ending}, ${name}`, source };
}
