import type { Dispatch, Kernel, Plan } from '../plan.ts';
import { matrixMatmul } from './matrix-matmul.ts';
import { HALF_TILES, type MatmulTile, type RegisterTile, TILES } from './matmul-tiles.ts';
import { bindingsFor, dispatchOf, type Ending, layoutName, type Product, shapeOf, storing } from './product.ts';
import { bring, NEAREST_HALF } from './staging.ts';

/**
 * out = A · B, register-tiled and mostly workgroup-tiled: a workgroup computes a tile of out, walking along k, as the tile says in
 * slices of A and B that it first brings into workgroup memory; a thread keeps its part of the tile in registers. Threads take
 * columns (and rows) that lie a workgroup's width apart, so that neighbours read and write neighbouring words.
 *
 * Every entry is one chain of fma along k, whatever the tile: so all tiles of float32 factors give the same bits on one device, as do
 * all of float16 factors, and which of them a tuning picks can change how long a run takes but never what it computes.
 *
 * Shapes: see `Product`. Bindings: m, n, k; A, B, out, bias or rescale. Dispatch: a workgroup a tile of out, x along n.
 * Source: the scheme is that of Volkov and Demmel 2008, "Benchmarking GPUs to tune dense linear algebra".
 */
export function matmul(plan: Plan, product: Product): void {
  plan.dispatch(plan.tiles.choose(shapeOf(product)).then((tile) => matmulWith(product, tile)));
}

/** The product with a given tile. */
export function matmulWith(product: Product, tile: MatmulTile): Dispatch {
  if ('matrix' in tile) return matrixMatmul(product, tile);
  const { threadsM, threadsN, perM, perN } = tile;
  const size = { height: threadsM * perM, width: threadsN * perN };
  return dispatchOf(product, size, (transposeA, transposeB, ending) => kernelOf(tile, transposeA, transposeB, ending));
}

function each(count: number, line: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => line(i)).join('\n');
}

/** What the ways to compute a tile share. */
interface Parts {
  readonly tile: RegisterTile;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** One line for each of the thread's rows, columns or entries. */
  readonly eachRow: (line: (i: number) => string) => string;
  readonly eachColumn: (line: (j: number) => string) => string;
  readonly eachEntry: (line: (i: number, j: number) => string) => string;
}

/** Every program that a measurement of tiles may have compared, as one text: what was measured of others says nothing of these. */
export function tileSources(): string {
  const layouts = [false, true].flatMap((a) => [false, true].map((b) => [a, b] as const));
  const tiles = Object.values({ ...TILES, ...HALF_TILES });
  const kernels = tiles.flatMap((tile) => layouts.map(([a, b]) => kernelOf(tile, a, b, 'store')));
  return kernels.map(({ source }) => source).join('\n');
}

function kernelOf(tile: RegisterTile, transposeA: boolean, transposeB: boolean, ending: Ending): Kernel {
  const { threadsM, threadsN, perM, perN } = tile;
  const [tileM, tileN] = [threadsM * perM, threadsN * perN];
  const eachRow: Parts['eachRow'] = (line) => each(perM, line);
  const eachColumn: Parts['eachColumn'] = (line) => each(perN, line);
  const eachEntry: Parts['eachEntry'] = (line) => eachRow((i) => eachColumn((j) => line(i, j)));
  const parts: Parts = { tile, transposeA, transposeB, eachRow, eachColumn, eachEntry };
  const { declarations, body } = waysToRead(parts);
  const source = /* wgsl */ `
${tile.reads === 'subgroup' ? 'enable subgroups;' : ''}
${tile.factors === 'float16' ? 'enable f16;' : ''}
${bindingsFor(ending)}
${declarations}
@compute @workgroup_size(${threadsN}, ${threadsM})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) thread: u32${
    tile.reads === 'subgroup' ? ', @builtin(subgroup_size) lanes: u32, @builtin(subgroup_invocation_id) lane: u32' : ''
  }) {
  let startM = group.y * ${tileM}u;
  let startN = group.x * ${tileN}u;
  ${eachEntry((i, j) => `var sum${i}_${j} = 0.0;`)}
  ${body}
  ${eachEntry(
    (i, j) => `{
    let m = startM + local.y + ${i * threadsM}u;
    let n = startN + local.x + ${j * threadsN}u;
    ${storing(`sum${i}_${j}`, ending)}
  }`,
  )}
}`;
  return { label: `matmul ${layoutName(transposeA, transposeB)}, ${ending}, ${tile.name}`, source };
}

/** WGSL of one way to compute a tile: what stands before the entry point, and what in it computes the sums. */
interface Way {
  readonly declarations: string;
  readonly body: string;
}

function waysToRead(parts: Parts): Way {
  const { reads } = parts.tile;
  if (reads === 'direct') return direct(parts);
  return reads === 'subgroup' ? handed(parts) : staged(parts, reads.staged);
}

/** Slices of A and B, `depth` columns of A at once, go through workgroup memory. */
function staged({ tile, transposeA, transposeB, eachRow, eachColumn, eachEntry }: Parts, depth: number): Way {
  const { threadsM, threadsN, perM, perN, factors = 'float32' } = tile;
  const [tileM, tileN] = [threadsM * perM, threadsN * perN];
  // One entry more than the tile is wide: threads that store down a column then hit different banks.
  const [strideA, strideB] = [tileM + 1, tileN + 1];
  const slice = { depth, threads: threadsM * threadsN, wStride: 1, factors } as const;
  const kind = factors === 'float16' ? 'f16' : 'f32';
  // A product of two float16 numbers is exact in float32.
  const read = (entry: string): string => (factors === 'float16' ? `f32(${entry})` : entry);
  return {
    declarations: /* wgsl */ `
${factors === 'float16' ? NEAREST_HALF : ''}
var<workgroup> tileA: array<${kind}, ${strideA * depth}>;
var<workgroup> tileB: array<${kind}, ${strideB * depth}>;`,
    // Beyond k both tiles hold zeros; so the inner loop has a fixed length and can be unrolled.
    body: /* wgsl */ `
  for (var slice = 0u; slice < shape.k; slice += ${depth}u) {
    ${bring({ ...slice, from: 'a', into: 'tileA', width: tileM, kStride: strideA, alongK: !transposeA })}
    ${bring({ ...slice, from: 'b', into: 'tileB', width: tileN, kStride: strideB, alongK: transposeB })}
    workgroupBarrier();
    for (var k = 0u; k < ${depth}u; k++) {
      ${eachRow((i) => `let a${i} = ${read(`tileA[k * ${strideA}u + local.y + ${i * threadsM}u]`)};`)}
      ${eachColumn((j) => `let b${j} = ${read(`tileB[k * ${strideB}u + local.x + ${j * threadsN}u]`)};`)}
      ${eachEntry((i, j) => `sum${i}_${j} = fma(a${i}, b${j}, sum${i}_${j});`)}
    }
    workgroupBarrier();
  }`,
  };
}
/** Every thread reads what it needs from memory. Rows and columns beyond the edge read the last one, and are not stored. */
function direct({ tile, transposeA, transposeB, eachRow, eachColumn, eachEntry }: Parts): Way {
  const { threadsM, threadsN } = tile;
  return {
    declarations: '',
    body: /* wgsl */ `
  ${eachRow((i) => walk(`A${i}`, `startM + local.y + ${i * threadsM}u`, 'm', !transposeA))}
  ${eachColumn((j) => walk(`B${j}`, `startN + local.x + ${j * threadsN}u`, 'n', transposeB))}
  for (var k = 0u; k < shape.k; k++) {
    ${eachRow((i) => `let a${i} = a[atA${i}]; atA${i} += ${transposeA ? 'shape.m' : '1u'};`)}
    ${eachColumn((j) => `let b${j} = b[atB${j}]; atB${j} += ${transposeB ? '1u' : 'shape.n'};`)}
    ${eachEntry((i, j) => `sum${i}_${j} = fma(a${i}, b${j}, sum${i}_${j});`)}
  }`,
  };
}

/**
 * All lanes of a subgroup have the same rows: each reads one entry of a piece of every row, as long as there are lanes, and hands it to
 * the others in turn. The lanes of a workgroup are whole subgroups, so that every lane that is asked is there.
 */
function handed({ tile, transposeA, transposeB, eachRow, eachColumn, eachEntry }: Parts): Way {
  const { threadsN } = tile;
  const entry = (i: number): string =>
    transposeA ? `(first + lane) * shape.m + row${i}` : `row${i} * shape.k + first + lane`;
  return {
    declarations: '',
    body: /* wgsl */ `
  ${eachRow((i) => `let row${i} = min(startM + ${i}u, shape.m - 1u);`)}
  ${eachColumn((j) => walk(`B${j}`, `startN + local.x + ${j * threadsN}u`, 'n', transposeB))}
  for (var first = 0u; first < shape.k; first += lanes) {
    ${eachRow((i) => `var piece${i} = 0.0; if (first + lane < shape.k) { piece${i} = a[${entry(i)}]; }`)}
    let length = min(lanes, shape.k - first);
    for (var k = 0u; k < length; k++) {
      ${eachRow((i) => `let a${i} = subgroupShuffle(piece${i}, k);`)}
      ${eachColumn((j) => `let b${j} = b[atB${j}]; atB${j} += ${transposeB ? '1u' : 'shape.n'};`)}
      ${eachEntry((i, j) => `sum${i}_${j} = fma(a${i}, b${j}, sum${i}_${j});`)}
    }
  }`,
  };
}

/** The place in memory from which a thread walks along k, for one of its rows or columns. */
function walk(name: string, index: string, limit: 'm' | 'n', alongK: boolean): string {
  return `
  let line${name} = min(${index}, shape.${limit} - 1u);
  var at${name} = line${name}${alongK ? ' * shape.k' : ''};`;
}
