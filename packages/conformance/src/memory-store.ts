import { FreebindError, type Store } from '@freebind/core';

/** A store that forgets everything with the process: what a plugin under test is given, and the smallest example of one. */
export function memoryStore(): Store {
  const kept = new Map<string, Uint8Array>();
  return {
    get: async (key) => kept.get(checked(key))?.slice(),
    put: async (key, bytes) => void kept.set(checked(key), bytes.slice()),
    keys: async (prefix = '') => [...kept.keys()].filter((key) => key.startsWith(prefix)).sort(),
    path: () => undefined,
  };
}

function checked(key: string): string {
  const sound = key.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\:]/.test(part));
  if (sound) return key;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `${JSON.stringify(key)} cannot be a key of a store; give a relative path with "/" between its parts and without "..".`,
  );
}
