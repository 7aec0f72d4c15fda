import { FreebindError } from '@freebind/core';
import type { Allocated } from './device.ts';

/** The device refused something or is gone. */
export function deviceFailed(what: string, cause?: unknown): FreebindError {
  return new FreebindError(
    'FREEBIND_BACKEND_FAILED',
    `${what}${detail(cause)}. Start a new backend and try again; if it fails there too, please report it.`,
    { cause },
  );
}

/** Its own class, because a bank that does not fit can still be streamed. */
export class OutOfMemory extends FreebindError {
  constructor(what: string, { buffers, bytes }: Allocated, cause: unknown) {
    const inUse = `${Math.ceil(bytes / 2 ** 20)} MiB in ${buffers} buffers are in use`;
    super(
      'FREEBIND_BACKEND_FAILED',
      `${what} needs more memory than the device has (${inUse}). Take a smaller batch, close what is not needed, or lower the option residentMiB.`,
      { cause },
    );
  }
}

/** Mixed precision on an adapter that has no float16. */
export function withoutHalf(adapter: string): FreebindError {
  return new FreebindError(
    'FREEBIND_CAPABILITY_MISSING',
    `The webgpu backend was asked for mixed precision, but ${adapter} does not offer the feature shader-f16. Leave out the option precision, or set it to "float32".`,
  );
}

/** One array that no binding of this device can cover. */
export function tooLarge(what: string, bytes: number, largest: number): FreebindError {
  return new FreebindError(
    'FREEBIND_BACKEND_FAILED',
    `${what} takes ${Math.ceil(bytes / 2 ** 20)} MiB, but one array on this device can have ${Math.floor(largest / 2 ** 20)} MiB. Take a smaller batch or narrower layers.`,
  );
}

export function unavailable(cause?: unknown): FreebindError {
  const found = cause === undefined ? ' (no adapter was found)' : detail(cause);
  return new FreebindError(
    'FREEBIND_DEVICE_UNAVAILABLE',
    `WebGPU cannot start on this machine${found}; install a GPU driver (on Linux a Vulkan one and libvulkan1; in a browser, one with WebGPU turned on), run \`npm i webgpu\` if Dawn's bindings are missing, or choose another backend.`,
    { cause },
  );
}

function detail(cause: unknown): string {
  if (typeof cause !== 'object' || cause === null || !('message' in cause)) return '';
  const text = String(cause.message).replaceAll(/\s+/g, ' ').trim();
  return text === '' ? '' : ` (${text})`;
}
