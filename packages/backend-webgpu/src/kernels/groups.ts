/** Workgroups in one dimension of a dispatch, at most: the standard's default `maxComputeWorkgroupsPerDimension`. */
const MOST = 65_535;

/** Threads of a workgroup of an entrywise kernel. */
export const THREADS = 256;

/** `count` workgroups, or a few more, in two dimensions. The kernel finds its number by `GROUP_NUMBER` and checks it. */
export function spread(count: number): readonly [x: number, y: number] {
  const y = Math.ceil(count / MOST);
  return [y === 0 ? 0 : Math.ceil(count / y), y];
}

/** One thread for each of `count` entries. */
export function threadsFor(count: number): readonly [x: number, y: number] {
  return spread(Math.ceil(count / THREADS));
}

/** WGSL: the number of a workgroup that `spread` dispatched. */
export const GROUP_NUMBER = /* wgsl */ `
fn groupNumber(group: vec3u, groups: vec3u) -> u32 {
  return group.y * groups.x + group.x;
}`;

/** Lanes that reduce one row together. */
export const LANES = 64;

/** WGSL: the sum of `value` over a workgroup of `LANES`, in an order that is always the same. */
export const SUM_OF_GROUP = /* wgsl */ `
var<workgroup> lanes: array<f32, ${LANES}>;
fn sumOfGroup(lane: u32, value: f32) -> f32 {
  lanes[lane] = value;
  workgroupBarrier();
  for (var stride = ${LANES / 2}u; stride > 0u; stride >>= 1u) {
    if (lane < stride) { lanes[lane] += lanes[lane + stride]; }
    workgroupBarrier();
  }
  let sum = lanes[0];
  workgroupBarrier();
  return sum;
}`;

/** WGSL: the largest `value` over a workgroup of `LANES`. Uses the lanes of `SUM_OF_GROUP`. */
export const MAX_OF_GROUP = /* wgsl */ `
fn maxOfGroup(lane: u32, value: f32) -> f32 {
  lanes[lane] = value;
  workgroupBarrier();
  for (var stride = ${LANES / 2}u; stride > 0u; stride >>= 1u) {
    if (lane < stride) { lanes[lane] = max(lanes[lane], lanes[lane + stride]); }
    workgroupBarrier();
  }
  let largest = lanes[0];
  workgroupBarrier();
  return largest;
}`;

/**
 * WGSL: e^x for x <= 0. Below −103 a float32 has no digit left; said here, because what exp makes of −∞ is left to the device.
 * NaN passes.
 */
export const EXP_BELOW = /* wgsl */ `
fn expBelow(x: f32) -> f32 {
  return select(exp(x), 0.0, x < -103.0);
}`;

/** WGSL: the smallest float32, from which a running maximum starts. */
export const LOWEST = '-3.4028234663852886e38f';

/**
 * Columns that one workgroup of 256 threads reduces: 16 lanes go down the rows of 16 columns, so that what is read lies together,
 * and then add up in an order that is always the same.
 */
export const COLUMNS = 16;

/** WGSL: sums of `value` over the 16 lanes of each of 16 columns. */
export const SUM_OF_LANES = /* wgsl */ `
var<workgroup> cells: array<f32, 256>;
fn sumOfLanes(column: u32, lane: u32, value: f32) -> f32 {
  cells[lane * 16u + column] = value;
  workgroupBarrier();
  for (var stride = 8u; stride > 0u; stride >>= 1u) {
    if (lane < stride) { cells[lane * 16u + column] += cells[(lane + stride) * 16u + column]; }
    workgroupBarrier();
  }
  let sum = cells[column];
  workgroupBarrier();
  return sum;
}`;
