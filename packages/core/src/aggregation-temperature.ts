import { FreebindError } from './errors.ts';

/** Of the softmax that aggregates a bank, before any work, so that all backends refuse alike. @throws FREEBIND_ARGUMENT_INVALID unless it is above 0 and finite */
export function checkAggregationTemperature(temperature: number): void {
  if (temperature > 0 && temperature < Infinity) return;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `The temperature is ${temperature}; it must be above 0 and finite (FreeBind aggregates at 0.01).`,
  );
}
