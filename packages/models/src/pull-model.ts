import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { FreebindError, isFreebindError } from '@freebind/core';
import { type FolderLock, lockFolder } from '@freebind/core/files';
import { checksum, stopped } from './checksum.ts';
import { copyFile } from './copy-file.ts';
import type { Arrived, Expected } from './download.ts';
import { homeOf, type ModelPlaces, variantFolder } from './find-model.ts';
import { findInHub, hubChecksum } from './hub-cache.ts';
import type { ModelFile } from './model-manifest.ts';
import { type Model, nameOf } from './model-name.ts';
import { readRecord, updateRecord } from './model-record.ts';
import { shownUrl, type Source, sourceOf } from './sources.ts';
import { recordFile } from './verify-model.ts';

/** What became of one file. */
export interface Pulled {
  readonly file: string;
  readonly path: string;
  /** `there` before, in the `hub`'s cache (and used from there), `fetched` now, or to be exported by yourself. */
  readonly status: 'there' | 'hub' | 'fetched' | 'export';
  readonly sha256?: string;
  /** True when no checksum was known before: what came is trusted, and recorded, so that a later change is seen. */
  readonly firstUse?: boolean;
}

export interface PullOptions {
  /** A mirror's URL or a folder, with SPACE/VARIANT/FILE below it; a folder also with FILE, where no other variant has one of that name. Default FREEBIND_MODELS_URL, then each file's own source. */
  readonly from?: string | undefined;
  readonly env?: ModelPlaces['env'];
  /** Says whether a licence that forbids commercial use is accepted. Asked before anything is fetched, once for each model. */
  readonly acceptLicence?: ((licence: string) => boolean | Promise<boolean>) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onBytes?: ((file: string, done: number, total: number | undefined) => void) | undefined;
  readonly onNote?: ((text: string) => void) | undefined;
  /** See `DownloadOptions`. */
  readonly tries?: number | undefined;
  readonly waitMs?: number | undefined;
}

/**
 * Fetches a model's files to freebind's own folder: what is there already, or in the cache of Hugging Face's libraries, is not
 * fetched; what comes is verified and gets its name when it is whole. Two processes may do it at once: one of them waits.
 *
 * @throws FREEBIND_LICENCE_NOT_ACCEPTED FREEBIND_DOWNLOAD_FAILED FREEBIND_FILE_INVALID FREEBIND_FILE_MISSING (sources
 * that lack files, when all others are there) FREEBIND_WRITE_FAILED FREEBIND_ABORTED
 */
export async function pullModel(model: Model, options: PullOptions = {}): Promise<Pulled[]> {
  const { env = process.env } = options;
  await checkLicence(model, options);
  const pulled: Pulled[] = [];
  const missing: FreebindError[] = [];
  for (const file of model.files) {
    try {
      pulled.push(await pullFile(model, file, options));
    } catch (error) {
      if (isFreebindError(error, 'FREEBIND_DOWNLOAD_FAILED'))
        throw new FreebindError(error.code, `${error.message} ${byHand(model, env)}`, { cause: error });
      // The others may be there.
      if (!isFreebindError(error, 'FREEBIND_FILE_MISSING')) throw error;
      missing.push(error);
    }
  }
  const [first] = missing;
  if (first === undefined) return pulled;
  const rest =
    pulled.length === 0 ? '' : ` The other ${pulled.length} of ${model.files.length} files were looked after.`;
  throw new FreebindError(first.code, `${missing.map(({ message }) => message).join(' ')}${rest}`, { cause: first });
}

async function checkLicence(model: Model, { acceptLicence, env, signal }: PullOptions): Promise<void> {
  const { licence, commercial } = model.about;
  if (commercial !== false) return;
  const home = variantFolder(model.models, model.variant, env);
  if ((await readRecord(home)).licence?.name === licence) return;
  if ((await acceptLicence?.(licence)) !== true)
    throw new FreebindError(
      'FREEBIND_LICENCE_NOT_ACCEPTED',
      `${nameOf(model)} is licensed ${licence}, which forbids commercial use (${model.about.source}). Nothing was fetched. If you may use it, say so: --accept-licence.`,
    );
  const lock = await lockWhenFree(home, { signal });
  try {
    await updateRecord(home, (record) => {
      record.licence = { name: licence, at: new Date().toISOString() };
    });
  } finally {
    await lock.release();
  }
}

async function pullFile({ models, variant }: Model, file: ModelFile, options: PullOptions): Promise<Pulled> {
  const { env = process.env, signal, onNote } = options;
  const home = homeOf(models, variant, file, env);
  const target = join(home, file.path);
  const source = sourceOf({ models, variant, file }, options.from, env);
  const done = { file: file.path, path: target };
  if (source.kind === 'export' && !(await isFile(target))) return { ...done, status: 'export' };
  const lock = await lockWhenFree(home, { signal, onNote });
  try {
    const known = (await readRecord(home)).files[file.path];
    const wanted = await wantedOf({ file, known, source, target }, options);
    const { expected } = wanted;
    const isFirstUse = (sha256: string): boolean => file.sha256 === null && known?.sha256 !== sha256;
    if (await isFile(target)) {
      const { size } = await stat(target);
      // Checked when it came; `verify` reads it again.
      if (known?.size === size && expected.sha256 === known.sha256)
        return { ...done, status: 'there', sha256: known.sha256 };
      const sha256 = await checksum(target, { signal, onBytes: (read) => options.onBytes?.(file.path, read, size) });
      if ((expected.sha256 ?? sha256) === sha256 && (expected.size ?? size) === size) {
        await recordFile(home, file.path, { size, sha256, from: 'found there' });
        return { ...done, status: 'there', sha256, firstUse: isFirstUse(sha256) };
      }
      const found = `${target} is not what ${wanted.by} (sha256 ${sha256})`;
      if (source.kind === 'export')
        throw new FreebindError(
          'FREEBIND_FILE_INVALID',
          `${found}. Put the one that was there back; for a new export, \`freebind models forget ${models.space}/${variant}\` forgets the old one.`,
        );
      onNote?.(`${found}; it is fetched anew`);
    }
    const hub = await usableInHub(file, env, signal);
    if (hub !== undefined) return { file: file.path, path: hub, status: 'hub' };
    const arrived = await fetchFrom({ source, target, file: file.path, expected }, options).catch((error: unknown) => {
      // A mirror may hold exports, and need not.
      if (file.url === null && isFreebindError(error, 'FREEBIND_FILE_MISSING')) return undefined;
      throw error;
    });
    if (arrived === undefined) return { ...done, status: 'export' };
    const from = source.kind === 'url' ? shownUrl(source.url) : source.kind === 'folder' ? source.path : '';
    await recordFile(home, file.path, { ...arrived, from });
    return { ...done, status: 'fetched', sha256: arrived.sha256, firstUse: isFirstUse(arrived.sha256) };
  } finally {
    await lock.release();
  }
}

/**
 * What a file should be, and who says so: the manifest; where it does not, the folder that was named for this pull, which may
 * have a new export; else what came first is what is expected from then on.
 */
async function wantedOf(
  {
    file,
    known,
    source,
    target,
  }: {
    readonly file: ModelFile;
    readonly known: Expected | undefined;
    readonly source: Source;
    readonly target: string;
  },
  { from, signal, onBytes }: PullOptions,
): Promise<{ readonly expected: Expected; readonly by: string }> {
  if (file.sha256 !== null) return { expected: file, by: 'the manifest says' };
  if (from !== undefined && source.kind === 'folder' && (await isFile(source.path))) {
    const { path } = source;
    if (!(await isFile(target))) return { expected: file, by: `${path} is` };
    const { size } = await stat(path);
    const sha256 = await checksum(path, { signal, onBytes: (read) => onBytes?.(file.path, read, size) });
    return { expected: { size: file.size ?? size, sha256 }, by: `${path} is` };
  }
  if (known !== undefined) return { expected: known, by: 'was recorded when it came' };
  return { expected: file, by: 'the manifest says' };
}

async function fetchFrom(
  what: { readonly source: Source; readonly target: string; readonly file: string; readonly expected: Expected },
  options: PullOptions,
): Promise<Arrived> {
  const { source, target, file, expected } = what;
  const { env = process.env, signal, onNote, onBytes, tries, waitMs } = options;
  const onFileBytes = (done: number, total: number | undefined): void => onBytes?.(file, done, total);
  if (source.kind === 'folder') return copyFile(source.path, target, expected, { signal, onBytes: onFileBytes });
  if (source.kind === 'export') throw new Error(`${file} has no source.`);
  // Spaces import this package to find their files; an HTTP client is for those who fetch.
  const { download } = await import('./download.ts');
  return download(source, target, expected, { env, signal, onNote, onBytes: onFileBytes, tries, waitMs });
}

/** A file of the hub's cache, unless it is not what the manifest says. */
async function usableInHub(
  file: ModelFile,
  env: NonNullable<ModelPlaces['env']>,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const path = await findInHub(file, env);
  if (path === undefined || file.sha256 === null) return path;
  const { size } = await stat(path);
  if (file.size !== null && file.size !== size) return undefined;
  // A large file's name in the cache is its checksum; that of a small one is quickly made.
  const sha256 = (await hubChecksum(path)) ?? (await checksum(path, { signal }));
  return sha256 === file.sha256 ? path : undefined;
}

/** Locks a folder as soon as the process that fetches into it is done. @throws FREEBIND_ABORTED FREEBIND_WRITE_FAILED */
async function lockWhenFree(
  folder: string,
  { signal, onNote }: Pick<PullOptions, 'signal' | 'onNote'>,
): Promise<FolderLock> {
  for (let told = false; ; told = true) {
    try {
      return await lockFolder(folder);
    } catch (error) {
      if (!isFreebindError(error, 'FREEBIND_OUTPUT_BUSY')) throw error;
      if (!told) onNote?.(`waiting: ${error.message}`);
    }
    await wait(200, undefined, { signal }).catch(() => undefined);
    if (signal?.aborted === true) throw stopped(signal);
  }
}

/** How to do without a network. */
function byHand({ models, variant, files }: Model, env: NonNullable<ModelPlaces['env']>): string {
  const all = files.map(
    (file) => `${file.url ?? 'your export'} to ${join(homeOf(models, variant, file, env), file.path)}`,
  );
  return `Without a network, copy ${all.join('; ')}. Or copy them below a folder of your own, as SPACE/VARIANT/FILE, and name it: --from DIR.`;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
