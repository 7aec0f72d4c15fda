import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isFreebindError } from '@freebind/core';
import { findConfig, inspectPlugin, loadPlugin, type PluginChoice } from '@freebind/core/config';
import {
  allModels,
  localModels,
  type Model,
  type ModelManifest,
  parseModelManifest,
  readModelManifest,
} from '@freebind/models';

/** freebind's own packages of spaces with models. */
const OWN = ['@freebind/space-imagebind', '@freebind/space-internvl', '@freebind/space-clap'];

/** A list of models, with what the config gives the package that brings it. */
export interface InstalledModels {
  readonly models: ModelManifest;
  readonly options: Readonly<Record<string, unknown>>;
}

/** The lists of models of the spaces that are installed, as `installedWithOptions` finds them for the config here or above. */
export async function installedModels(folder: string): Promise<readonly ModelManifest[]> {
  return (await installedHere(folder)).map(({ models }) => models);
}

/** The same, with what the config gives them. */
export async function installedHere(folder: string): Promise<readonly InstalledModels[]> {
  const config = await findConfig({ path: folder });
  return installedWithOptions(config?.folder ?? folder, config?.plugins ?? [], folder);
}

/** The folder that the config gives a model's files: where its option `space` names one of several spaces, to the model of that one alone. CLAP's names one by default. */
export function folderOf({ models, about }: Model, installed: readonly InstalledModels[]): string | undefined {
  const own = installed.filter((one) => one.models.space === models.space);
  return own
    .map(({ options: { models: folder, space = models.space === 'clap' ? 'clap-general' : undefined } }) => {
      const told = space === undefined || about.spaces?.some((id) => id === space);
      return typeof folder === 'string' && told === true ? folder : undefined;
    })
    .find((folder) => folder !== undefined);
}

/**
 * The lists of models of the spaces that are installed: those of `plugins`, freebind's own, and those of the dependencies of the
 * `project`, where their package.json names one (`"freebind": { "models": "./models.json" }`). None of their code is run, but for
 * plugins whose options alone say what they bring.
 */
export async function installedWithOptions(
  folder: string,
  plugins: readonly PluginChoice[],
  project: string,
): Promise<readonly InstalledModels[]> {
  const named = new Set(
    plugins.map((choice) =>
      typeof choice === 'string' ? choice : 'manifest' in choice ? choice.manifest.package : choice[0],
    ),
  );
  const others = new Set([...OWN, ...(await dependenciesOf(project))].filter((name) => !named.has(name)));
  const found = await Promise.all([...others, ...plugins].map((choice) => modelsOf(choice, folder)));
  return found.filter((list) => list !== undefined);
}

/**
 * A model as the folder of its files describes it; without one given, the folder where they lie by default.
 *
 * @throws FREEBIND_FILE_INVALID for a `models.json` that is damaged or of another model
 */
export function describedIn(folder: string | undefined, official: Model): Model {
  const { models, variant } = official;
  return allModels([localModels(models, variant, { folder })]).find((one) => one.variant === variant) ?? official;
}

async function modelsOf(choice: PluginChoice, folder: string): Promise<InstalledModels | undefined> {
  const [name, given] =
    typeof choice === 'string' ? [choice] : 'manifest' in choice ? [choice.manifest.package] : choice;
  const options = Object(given) as Record<string, unknown>; // an object, whatever was given
  try {
    const home = (await inspectPlugin(name, folder)).folder;
    const { freebind } = await readObject(join(home, 'package.json'));
    const path =
      typeof freebind === 'object' && freebind !== null && 'models' in freebind ? freebind.models : undefined;
    if (typeof path === 'string') return { models: readModelManifest(join(home, path)), options };
    const { modelList } = given === undefined && typeof choice === 'string' ? {} : await loadPlugin(choice, folder);
    return modelList === undefined ? undefined : { models: parseModelManifest(modelList, name), options };
  } catch (error) {
    // A package that is not installed, or no plugin, or none of ours to judge here: `freebind doctor` tells.
    if (isFreebindError(error) && error.code !== 'FREEBIND_FILE_INVALID') return undefined;
    throw error;
  }
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
