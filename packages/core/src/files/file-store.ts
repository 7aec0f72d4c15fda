import { readdir, readFile } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { FreebindError } from '../errors.ts';
import type { Store } from '../store.ts';
import { writeFileAtomic } from './atomic.ts';
import { isAsideName } from './leftovers.ts';
import { LOCK_FILE } from './lock.ts';
import { errnoOf, readError } from './ranged-file.ts';

/** What is a separator, a drive or the end of a name somewhere; keys must mean the same everywhere. */
// oxlint-disable-next-line no-control-regex -- NUL and its kin are meant
const UNSOUND = /[\u0000-\u001f\\:]/;

/** A store that keeps each key as a file of that relative path in one folder, made on the first `put`. */
export class FolderStore implements Store {
  readonly #root: string;

  constructor(root: string) {
    this.#root = resolve(root);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const path = this.path(key);
    try {
      return await readFile(path);
    } catch (error) {
      // A folder is not a value: `get('a')` after `put('a/b', …)`.
      const code = errnoOf(error);
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
      throw readError(path, error);
    }
  }

  /** @throws FREEBIND_WRITE_FAILED, and then what `key` had before is still there */
  async put(key: string, bytes: Uint8Array): Promise<void> {
    await writeFileAtomic(this.path(key), bytes);
  }

  async keys(prefix = ''): Promise<readonly string[]> {
    const entries = await readdir(this.#root, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return [];
      throw readError(this.#root, error);
    });
    return entries
      .filter((entry) => entry.isFile() && !isAsideName(entry.name) && entry.name !== LOCK_FILE)
      .map((entry) =>
        join(entry.parentPath, entry.name)
          .slice(this.#root.length + 1)
          .replaceAll(sep, '/'),
      )
      .filter((key) => key.startsWith(prefix))
      .sort();
  }

  /** @throws FREEBIND_ARGUMENT_INVALID when `key` could leave the folder or is not a key on every system */
  path(key: string): string {
    const parts = key.split('/');
    const sound = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !UNSOUND.test(part));
    if (sound && !parts.some(isAsideName) && parts.at(-1) !== LOCK_FILE) return join(this.#root, ...parts);
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `${JSON.stringify(key)} cannot be a key of a store. Give a relative path with "/" between its parts, without "..", "\\" or ":".`,
    );
  }
}
