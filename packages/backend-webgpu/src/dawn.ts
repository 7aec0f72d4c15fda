import { create } from 'webgpu';

/**
 * Not filling workgroup memory with zeros before a workgroup starts: kernels here write theirs before they read it. It costs nothing on
 * a GPU, but a software device spends nine tenths of a kernel's compile time on it (SwiftShader: 1.6 s of 1.7 for one matrix kernel).
 */
const FEATURES = ['disable_workgroup_init'];
/** What Dawn calls unsafe is not settled; of it, products use matrices of subgroups, and no program but ours runs on the device. */
const EXPERIMENTAL = ['allow_unsafe_apis'];

/**
 * Dawn's bindings, for JavaScript outside of a browser. Whoever calls this keeps what it returns for as long as the device is used
 * (Dawn ends the process when it is collected under a device), and not longer: node does not exit while it is reachable.
 * Nothing global is set: the rest of this package names no WebGPU global.
 */
export function createGpu(experimental: boolean): GPU {
  const features = [...FEATURES, ...(experimental ? EXPERIMENTAL : [])];
  return create([`enable-dawn-features=${features.join()}`]);
}
