import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import type { ModelFile } from './model-manifest.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Folder of Hugging Face's cache: `HF_HUB_CACHE`, `HF_HOME/hub` or `~/.cache/huggingface/hub`, as huggingface_hub has it. */
export function hubRoot(env: Env = process.env): string {
  const home = env['HF_HOME'] || join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'huggingface');
  return env['HF_HUB_CACHE'] || env['HUGGINGFACE_HUB_CACHE'] || join(home, 'hub');
}

/**
 * A file in the hub's cache: `models--ORG--NAME/snapshots/COMMIT/FILE`. The manifest's revision is a commit, or a branch whose
 * commit `refs/BRANCH` names. A file of another commit may be another file: it is taken only where the cache says that it has
 * the checksum that is wanted.
 */
export async function findInHub(
  { huggingFace, sha256 }: Pick<ModelFile, 'huggingFace' | 'sha256'>,
  env: Env = process.env,
): Promise<string | undefined> {
  if (huggingFace === undefined) return undefined;
  const { repo, revision, file } = huggingFace;
  const folder = join(hubRoot(env), `models--${repo.replaceAll('/', '--')}`);
  const named = (await readFile(join(folder, 'refs', revision), 'utf8').catch(() => '')).trim();
  const commit = /^[0-9a-f]{40}$/.test(named) ? named : revision;
  const snapshots = join(folder, 'snapshots');
  if (await isFile(join(snapshots, commit, file))) return join(snapshots, commit, file);
  if (sha256 === null) return undefined;
  for (const other of (await readdir(snapshots).catch((): string[] => [])).sort()) {
    const path = join(snapshots, other, file);
    if ((await isFile(path)) && (await hubChecksum(path)) === sha256) return path;
  }
  return undefined;
}

/**
 * The sha256 that the hub's cache itself states for one of its files: a snapshot's file links to `blobs/ETAG`, and the ETag of
 * a large file is its sha256 (that of a small one is git's hash of it, 40 digits). Undefined where it does not say.
 */
export async function hubChecksum(path: string): Promise<string | undefined> {
  const blob = basename(await realpath(path).catch(() => path));
  return /^[0-9a-f]{64}$/.test(blob) ? blob : undefined;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
