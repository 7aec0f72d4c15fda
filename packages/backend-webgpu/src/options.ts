import { FreebindError, refuseUnknownOptions } from '@freebind/core';

/** Options of the WebGPU backend. */
export interface WebgpuOptions {
  /** Which adapter to ask for where there are several; default `high-performance`. */
  readonly power?: 'high-performance' | 'low-power';
  /**
   * Mebibytes of tables and banks that stay on the device, for each trainer and each bank; larger ones are gathered or streamed
   * from the host. WebGPU does not tell how much memory there is; default 1024.
   */
  readonly residentMiB?: number;
  /**
   * Whether products choose their kernels by measuring them, the first time on an adapter and driver; what is measured is kept in
   * the user's cache. It changes how long a run takes and never what it computes. Default true, and false on a device in software.
   */
  readonly tune?: boolean;
  /**
   * `mixed`: networks, in training and inference, and the losses round the factors of large products to float16, and add in float32;
   * it needs an adapter with the feature `shader-f16`, and uses matrices of subgroups (tensor cores) where they are offered and
   * compute what they should. Memory banks stay float32, so that pseudo pairs and rankings do. Default `float32`.
   */
  readonly precision?: 'float32' | 'mixed';
}

/** @throws FREEBIND_ARGUMENT_INVALID */
export function checkOptions(
  options: WebgpuOptions,
): Required<Omit<WebgpuOptions, 'tune'>> & Pick<WebgpuOptions, 'tune'> {
  refuseUnknownOptions('webgpu', options, ['power', 'residentMiB', 'tune', 'precision']);
  const { power = 'high-performance', residentMiB = 1024, tune, precision = 'float32' } = options;
  const powers: readonly string[] = ['high-performance', 'low-power'];
  if (!powers.includes(power) || !Number.isFinite(residentMiB) || residentMiB < 0) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `The webgpu backend was asked for power "${power}" and residentMiB ${residentMiB}; power must be "high-performance" or "low-power", and residentMiB a number of at least 0.`,
    );
  }
  if (tune !== undefined && typeof tune !== 'boolean') {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `The webgpu backend was asked for tune "${String(tune)}"; it must be true or false.`,
    );
  }
  const precisions: readonly string[] = ['float32', 'mixed'];
  if (!precisions.includes(precision)) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `The webgpu backend was asked for precision "${precision}"; it must be "float32" or "mixed".`,
    );
  }
  return { power, residentMiB, precision, ...(tune !== undefined && { tune }) };
}
