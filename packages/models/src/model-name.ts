import { FreebindError } from '@freebind/core';
import type { ModelManifest, ModelVariant } from './model-manifest.ts';

/** One model: a variant in a space's list. */
export interface Model {
  readonly models: ModelManifest;
  readonly variant: string;
  /** `models.variants[variant]`. */
  readonly files: ModelVariant['files'];
  readonly about: ModelVariant;
}

/** All models of the lists, in their order. */
export function allModels(lists: readonly ModelManifest[]): readonly Model[] {
  return lists.flatMap((models) =>
    Object.entries(models.variants).map(([variant, about]) => ({ models, variant, files: about.files, about })),
  );
}

/** What a model is called on the command line: `imagebind/huge`. */
export function nameOf({ models, variant }: Pick<Model, 'models' | 'variant'>): string {
  return `${models.space}/${variant}`;
}

/**
 * The model that a name means: `imagebind/huge`, the id of a space that is made of it (`clap-music`), or the list's own name where
 * it has one variant only.
 *
 * @throws FREEBIND_ARGUMENT_INVALID naming those there are
 */
export function findModel(lists: readonly ModelManifest[], name: string): Model {
  const models = allModels(lists);
  const found =
    models.find((model) => nameOf(model) === name || model.about.spaces?.includes(name)) ??
    models.find(({ models: { space, variants } }) => space === name && Object.keys(variants).length === 1);
  if (found !== undefined) return found;
  const known = models.map((model) => [nameOf(model), ...(model.about.spaces ?? [])].join(' = '));
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `There is no model "${name}" in the spaces that are installed; there ${known.length === 0 ? 'are none (install one: npm i @freebind/space-clap)' : `is ${known.join(', ')}`}.`,
  );
}
