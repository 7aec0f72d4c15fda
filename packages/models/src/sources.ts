import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FreebindError } from '@freebind/core';
import type { ModelFile, ModelManifest } from './model-manifest.ts';

/** Where one file of a model is to be had. */
export type Source =
  | { readonly kind: 'url'; readonly url: string; readonly token?: string }
  | { readonly kind: 'folder'; readonly path: string }
  /** Nowhere: everyone makes it for themselves. */
  | { readonly kind: 'export' };

type Env = Readonly<Record<string, string | undefined>>;

const HUB = 'https://huggingface.co';

/**
 * Where a file is to be had: below `from` or FREEBIND_MODELS_URL, as SPACE/VARIANT/FILE, else at its own URL. In a folder it may
 * also lie as FILE, where its name or its checksum tells which file of the space it is. The hub's address may be another
 * (HF_ENDPOINT), and HF_TOKEN is for it alone.
 *
 * @throws FREEBIND_ARGUMENT_INVALID for a mirror that is neither a URL nor a folder, or a folder whose FILE may be another variant's
 */
export function sourceOf(
  what: { readonly models: ModelManifest; readonly variant: string; readonly file: ModelFile },
  from: string | undefined,
  env: Env,
): Source {
  const { models, variant, file } = what;
  const mirror = from ?? (env['FREEBIND_MODELS_URL'] || undefined);
  const below = [models.space, file.of ?? variant, file.path].join('/');
  if (mirror === undefined) return ownSource(file, env);
  if (/^https?:\/\//i.test(mirror)) return { kind: 'url', url: `${mirror.replace(/\/+$/, '')}/${below}` };
  if (/^[a-z][a-z+.-]+:/i.test(mirror) && !mirror.startsWith('file:'))
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `Models cannot be fetched from ${mirror}; expected http(s)://…, file://… or a folder.`,
    );
  const folder = mirror.startsWith('file:') ? fileURLToPath(mirror) : resolve(mirror);
  const [deep, flat] = [join(folder, below), join(folder, file.path)];
  if (existsSync(deep) || !existsSync(flat)) return { kind: 'folder', path: deep };
  const owners = ownersOf(models, file.path);
  if (owners.length === 1 || file.sha256 !== null) return { kind: 'folder', path: flat };
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `${flat} may be a file of ${owners.map((owner) => `${models.space}/${owner}`).join(' or ')}, and nothing tells which. Move it to its own folder: ${owners.map((owner) => join(folder, models.space, owner, file.path)).join(' or ')}.`,
  );
}

/** The variants in whose folders a file of this name lies. */
function ownersOf({ variants }: ModelManifest, path: string): readonly string[] {
  const owners = Object.entries(variants).flatMap(([variant, { files }]) =>
    files.filter((file) => file.path === path).map((file) => file.of ?? variant),
  );
  return [...new Set(owners)];
}

function ownSource({ url, huggingFace }: ModelFile, env: Env): Source {
  if (url === null) return { kind: 'export' };
  if (huggingFace === undefined) return { kind: 'url', url };
  const hub = (env['HF_ENDPOINT'] || HUB).replace(/\/+$/, '');
  const { repo, revision, file } = huggingFace;
  const token = env['HF_TOKEN'];
  const address = `${hub}/${repo}/resolve/${revision}/${file}`;
  // Never in the clear, but to this very machine.
  const safe = hub.startsWith('https://') || ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(hub).hostname);
  return { kind: 'url', url: address, ...(token !== undefined && token !== '' && safe && { token }) };
}

/** A URL for people: without the query, where signed links keep their secrets, and without a password. */
export function shownUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}
