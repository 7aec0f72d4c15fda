import { existsSync } from 'node:fs';
import { rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { lockFolder } from '@freebind/core/files';
import { homeOf, type ModelPlaces, variantFolder } from './find-model.ts';
import type { Model } from './model-name.ts';
import { updateRecord } from './model-record.ts';
import { discardPart, partOf, sizeOf } from './part-file.ts';

/** What was taken away, and what was not. */
export interface Removed {
  readonly paths: readonly string[];
  readonly bytes: number;
  /** Files that no address gives again: exports of one's own, which go with `force` only. */
  readonly kept: readonly string[];
}

/**
 * Removes a model's files, and what has arrived of them, from freebind's own folder: only those that its manifest names, not
 * those that it shares with another variant, and nothing of the hub's cache, which is others' too. Exports stay without `force`.
 *
 * @throws FREEBIND_OUTPUT_BUSY while another process fetches it
 */
export async function removeModel(
  { models, variant, files }: Model,
  { env, force = false }: { readonly env?: ModelPlaces['env']; readonly force?: boolean } = {},
): Promise<Removed> {
  const home = variantFolder(models, variant, env);
  if (!existsSync(home)) return { paths: [], bytes: 0, kept: [] }; // a lock would make the folder
  const mine = files.filter((file) => homeOf(models, variant, file, env) === home);
  const spared = mine.filter(({ url }) => url === null && !force).map(({ path }) => path);
  const own = mine.map(({ path }) => path).filter((path) => !spared.includes(path));
  const kept = spared.map((path) => join(home, path)).filter((path) => existsSync(path));
  const paths: string[] = [];
  let bytes = 0;
  const lock = await lockFolder(home);
  try {
    for (const target of own.map((path) => join(home, path))) {
      const size = (await sizeOf(target)) + (await sizeOf(partOf(target)));
      if (size > 0) paths.push(target);
      bytes += size;
      await rm(target, { force: true });
      await discardPart(target);
    }
    // What has arrived of an export is a copy.
    for (const target of spared.map((path) => join(home, path))) {
      const size = await sizeOf(partOf(target));
      if (size > 0) paths.push(partOf(target));
      bytes += size;
      await discardPart(target);
    }
    await updateRecord(home, (record) => {
      for (const path of own) delete record.files[path];
    });
  } finally {
    await lock.release();
  }
  // Folders that are empty now; others keep what is not ours.
  const folders = new Set(mine.map(({ path }) => dirname(join(home, path))));
  for (const folder of folders) if (folder !== home) await rmdir(folder).catch(() => undefined);
  return { paths, bytes, kept };
}
