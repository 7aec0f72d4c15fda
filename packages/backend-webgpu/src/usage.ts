/**
 * Bits of `GPUBufferUsage` and `GPUMapMode` as the standard numbers them (https://www.w3.org/TR/webgpu/#namespacedef-gpubufferusage).
 * The globals of these names are only there in browsers.
 */
export const MAP_READ = 0x0001;
export const COPY_SOURCE = 0x0004;
export const COPY_TARGET = 0x0008;
export const UNIFORM = 0x0040;
export const STORAGE = 0x0080;

/** `GPUMapMode.READ`. */
export const FOR_READING = 0x0001;
