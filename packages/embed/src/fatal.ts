import type { FreebindErrorCode } from '@freebind/core';

/**
 * What is never one input's fault: with these a run ends, and every input of its kind would fail alike. Skipped instead, an input would
 * stay skipped when what is missing has been installed.
 */
export const FATAL: ReadonlySet<FreebindErrorCode> = new Set<FreebindErrorCode>([
  'FREEBIND_ABORTED',
  'FREEBIND_BACKEND_FAILED',
  'FREEBIND_CAPABILITY_MISSING',
  'FREEBIND_CLOSED',
  'FREEBIND_DEVICE_UNAVAILABLE',
  'FREEBIND_PLUGIN_MISSING',
]);
