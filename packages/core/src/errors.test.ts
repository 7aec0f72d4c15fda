import { expect, it } from 'vitest';
import { FreebindError, isFreebindError } from './errors.ts';

it('knows its errors by brand, also from another copy of core', () => {
  const error = new FreebindError('FREEBIND_CLOSED', 'closed', { cause: 1 });
  const foreign = Object.assign(new Error('closed'), {
    [Symbol.for('@freebind/Error')]: true,
    code: 'FREEBIND_CLOSED',
  });
  expect(isFreebindError(error)).toBe(true);
  expect(isFreebindError(foreign, 'FREEBIND_CLOSED')).toBe(true);
  expect(isFreebindError(error, 'FREEBIND_ABORTED')).toBe(false);
  expect(isFreebindError(new Error('closed'))).toBe(false);
  expect(isFreebindError(null)).toBe(false);
  expect(error.cause).toBe(1);
});
