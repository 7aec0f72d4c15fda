/** Where a plugin's files are kept: bytes by key. Keys are relative paths with `/`, without `..`. */
export interface Store {
  /** The bytes of `key`, or undefined. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Writes all of `bytes` or nothing. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Every key that starts with `prefix`, sorted. */
  keys(prefix?: string): Promise<readonly string[]>;
  /** The path of `key` on this machine, for runtimes that map files themselves; undefined where the store is not a folder. */
  path(key: string): string | undefined;
}
