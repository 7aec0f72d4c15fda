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
 * Where a file is to be had: below `from` or FREEBIND_MODELS_URL, as SPACE/VARIANT/FILE, else at its own URL. The hub's address
 * may be another (HF_ENDPOINT), and HF_TOKEN is for it alone.
 *
 * @throws FREEBIND_ARGUMENT_INVALID for a mirror that is neither a URL nor a folder
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
  return { kind: 'folder', path: !existsSync(deep) && existsSync(flat) ? flat : deep };
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
