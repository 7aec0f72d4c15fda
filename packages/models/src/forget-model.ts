import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { lockFolder } from '@freebind/core/files';
import { homeOf, type ModelPlaces, variantFolder } from './find-model.ts';
import type { Model } from './model-name.ts';
import { readRecord, updateRecord } from './model-record.ts';

/**
 * Forgets the checksums that were recorded of a model's files where its manifest has none, so that the next pull or check records
 * what is there then, such as a new export. No file is touched, and those that it shares with another variant stay recorded.
 *
 * @returns paths of the files whose checksums are forgotten
 * @throws FREEBIND_OUTPUT_BUSY while another process fetches it
 */
export async function forgetModel(
  { models, variant, files }: Model,
  env?: ModelPlaces['env'],
): Promise<readonly string[]> {
  const home = variantFolder(models, variant, env);
  if (!existsSync(home)) return []; // a lock would make the folder
  const lock = await lockFolder(home);
  try {
    const { files: known } = await readRecord(home);
    const forgotten = files
      .filter((file) => file.sha256 === null && homeOf(models, variant, file, env) === home)
      .map(({ path }) => path)
      .filter((path) => Object.hasOwn(known, path));
    await updateRecord(home, (record) => {
      for (const path of forgotten) delete record.files[path];
    });
    return forgotten.map((path) => join(home, path));
  } finally {
    await lock.release();
  }
}
