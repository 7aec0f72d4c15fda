import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isFreebindError } from '@freebind/core';
import { findConfig, inspectPlugin } from '@freebind/core/config';
import { type ModelManifest, readModelManifest } from '@freebind/models';

/** freebind's own packages of spaces with models. */
const OWN = ['@freebind/space-imagebind', '@freebind/space-internvl', '@freebind/space-clap'];

/**
 * The lists of models of the spaces that are installed: freebind's own, the config's plugins and the dependencies of the project
 * in `folder`, where their package.json names one (`"freebind": { "models": "./models.json" }`). None of their code is run.
 */
export async function installedModels(folder: string): Promise<readonly ModelManifest[]> {
  const config = await findConfig({ path: folder });
  const named = (config?.plugins ?? []).flatMap((choice) =>
    typeof choice === 'string' ? choice : 'manifest' in choice ? choice.manifest.package : choice[0],
  );
  const names = new Set([...OWN, ...named, ...(await dependenciesOf(folder))]);
  const found = await Promise.all([...names].map((name) => modelsOf(name, config?.folder ?? folder)));
  return found.filter((list) => list !== undefined);
}

async function modelsOf(name: string, folder: string): Promise<ModelManifest | undefined> {
  const home = await inspectPlugin(name, folder).then(
    (plugin) => plugin.folder,
    (error: unknown) => {
      // A package that is not installed, or no plugin, or none of ours to judge here: `freebind doctor` tells.
      if (isFreebindError(error)) return undefined;
      throw error;
    },
  );
  if (home === undefined) return undefined;
  const { freebind } = await readObject(join(home, 'package.json'));
  const path = typeof freebind === 'object' && freebind !== null && 'models' in freebind ? freebind.models : undefined;
  return typeof path === 'string' ? readModelManifest(join(home, path)) : undefined;
}

async function dependenciesOf(folder: string): Promise<readonly string[]> {
  const json = await readObject(join(folder, 'package.json'));
  return [json['dependencies'], json['devDependencies']].flatMap((list) =>
    typeof list === 'object' && list !== null ? Object.keys(list) : [],
  );
}

async function readObject(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return Object(JSON.parse(await readFile(path, 'utf8'))) as Record<string, unknown>; // an object, whatever is in it
  } catch {
    return {};
  }
}
