import { lockFolder } from '@freebind/core/files';
import { checksum } from './checksum.ts';
import { homeOf, type ModelPlaces } from './find-model.ts';
import { hubChecksum } from './hub-cache.ts';
import type { Model } from './model-name.ts';
import { readRecord, updateRecord } from './model-record.ts';
import { type FileState, stateOf } from './model-state.ts';

/** What the bytes of a file are. */
export interface Verified {
  readonly path: string;
  /**
   * `same` as a checksum that was known before; `recorded` now, since none was known (trust on first use), which tells only
   * whether it changes later; `unknown` for such a file in a folder that is not freebind's, where nothing is written; `differs`,
   * `missing`.
   */
  readonly status: 'same' | 'recorded' | 'unknown' | 'differs' | 'missing';
  readonly sha256?: string;
  readonly expected?: string;
  /** Who said what was expected: the manifest of the space, freebind's record from when it came, or the hub's cache. */
  readonly by?: 'manifest' | 'record' | 'hub';
}

export interface VerifyOptions extends ModelPlaces {
  readonly signal?: AbortSignal | undefined;
  readonly onBytes?: ((path: string, done: number, total: number) => void) | undefined;
}

/** Reads every file of a model and compares its checksum with what is known of it. @throws FREEBIND_ABORTED FREEBIND_OUTPUT_BUSY */
export async function verifyModel(model: Model, options: VerifyOptions = {}): Promise<Verified[]> {
  const found: Verified[] = [];
  for (const state of await stateOf(model, options)) found.push(await verifyFile(model, state, options));
  return found;
}

async function verifyFile(model: Model, state: FileState, { signal, onBytes, env }: VerifyOptions): Promise<Verified> {
  const { file, path, place, size = 0 } = state;
  if (place === 'missing') return { path, status: 'missing' };
  const home = homeOf(model.models, model.variant, file, env);
  const { expected, by } = await expectedOf(state, home);
  if (!state.sizeFits) return { path, status: 'differs', expected: `${file.size} bytes`, by: 'manifest' };
  const sha256 = await checksum(path, { signal, onBytes: (done) => onBytes?.(path, done, size) });
  if (expected !== undefined) return { path, status: expected === sha256 ? 'same' : 'differs', sha256, expected, by };
  if (place !== 'freebind') return { path, status: 'unknown', sha256 };
  const lock = await lockFolder(home);
  try {
    await recordFile(home, file.path, { size, sha256, from: 'found there' });
  } finally {
    await lock.release();
  }
  return { path, status: 'recorded', sha256 };
}

async function expectedOf(
  { file, path, place }: FileState,
  home: string,
): Promise<
  | { readonly expected: string; readonly by: 'manifest' | 'record' | 'hub' }
  | { readonly expected?: never; readonly by?: never }
> {
  if (file.sha256 !== null) return { expected: file.sha256, by: 'manifest' };
  const recorded = place === 'freebind' ? (await readRecord(home)).files[file.path] : undefined;
  if (recorded !== undefined) return { expected: recorded.sha256, by: 'record' };
  const hub = place === 'hub' ? await hubChecksum(path) : undefined;
  return hub === undefined ? {} : { expected: hub, by: 'hub' };
}

/** Writes down what a file in freebind's own folder is. Whoever calls it holds the folder's lock. */
export async function recordFile(
  home: string,
  path: string,
  known: { readonly size: number; readonly sha256: string; readonly from: string },
): Promise<void> {
  await updateRecord(home, (record) => {
    record.files[path] = { ...known, at: new Date().toISOString() };
  });
}
