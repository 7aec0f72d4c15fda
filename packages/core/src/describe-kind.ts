/** What a value is, for messages that say what was found: `a string`, `an ArrayBuffer`, `an object`, `null`. */
export function describeKind(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  const prototype: unknown = Object.getPrototypeOf(value);
  const named = prototype === null || prototype === Object.prototype ? undefined : value.constructor;
  const name = typeof named === 'function' && named.name !== '' ? named.name : 'object';
  return `${/^[aeiou]/i.test(name) && !/^U[a-z]/.test(name) ? 'an' : 'a'} ${name}`;
}
