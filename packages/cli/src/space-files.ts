import type { PluginChoice } from '@freebind/core';
import { allModels, type Model, nameOf, stateOf } from '@freebind/models';
import { describedIn, folderOf, installedWithOptions } from './installed-models.ts';

/** Which model files of a space are there. */
export interface SpaceFiles {
  readonly space: string;
  /** As `freebind models` names it. */
  readonly model: string;
  /** How many files it has. */
  readonly files: number;
  readonly missing: readonly string[];
  /** Files of another size than the list says. */
  readonly wrong: readonly string[];
  readonly problem?: string;
  readonly mend?: string;
}

/** Looks where the files of all installed spaces are, of their names and sizes alone; spaces that `plugins` configure are looked for where they are told. */
export async function spaceFiles(folder: string, plugins: readonly PluginChoice[]): Promise<readonly SpaceFiles[]> {
  const found = await installedWithOptions(folder, plugins, folder);
  const all = found.flatMap((one) => allModels([one.models]).map((model) => lookAt(model, folderOf(model, [one]))));
  return (await Promise.all(all)).flat();
}

async function lookAt(official: Model, folder: string | undefined): Promise<readonly SpaceFiles[]> {
  const spaces = official.about.spaces ?? [];
  const name = nameOf(official);
  try {
    const model = describedIn(folder, official);
    const states = await stateOf(model, { folder });
    const missing = states.filter(({ place }) => place === 'missing');
    const wrong = states.filter(({ sizeFits }) => !sizeFits).map(({ file }) => file.path);
    const mend =
      missing.length > 0
        ? mendOf(missing, name, folder)
        : wrong.length > 0
          ? `freebind models verify ${name}`
          : undefined;
    return spaces.map((space) => ({
      space,
      model: name,
      files: states.length,
      missing: missing.map(({ file }) => file.path),
      wrong,
      ...(mend !== undefined && { mend }),
    }));
  } catch (error) {
    // A models.json of the folder's own that is damaged, or of another model.
    const problem = error instanceof Error ? error.message : String(error);
    return spaces.map((space) => ({ space, model: name, files: 0, missing: [], wrong: [], problem }));
  }
}

type Missing = Awaited<ReturnType<typeof stateOf>>;

function mendOf(missing: Missing, name: string, folder: string | undefined): string {
  if (folder !== undefined) return `put them into ${folder}; where they come from: freebind models list`;
  const exported = missing.filter(({ file }) => file.url === null && file.huggingFace === undefined);
  const pull = `freebind models pull ${name}`;
  if (exported.length === 0) return pull;
  const [first] = exported;
  const home = first === undefined ? '' : first.path.slice(0, -first.file.path.length - 1);
  const own = `export ${exported.map(({ file }) => file.path).join(', ')} into ${home} (docs/models.md)`;
  return exported.length === missing.length ? own : `${pull}, and ${own}`;
}
