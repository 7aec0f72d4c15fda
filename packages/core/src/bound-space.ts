import type { Composition } from './composition.ts';
import { FreebindError } from './errors.ts';
import type { FactorChoice } from './factors.ts';
import type { Factors, Recipe } from './recipe.ts';
import type { Embeddings, Modality, ModalityInputs, Space, SpaceManifest } from './space.ts';

/**
 * A recipe at work on media: embeds inputs with every member space that has the modality and composes the rows. It is a
 * space, so it can be bound again.
 */
export class BoundSpace implements Space {
  readonly manifest: SpaceManifest;
  /** The factor of every modality that each step mixes. */
  readonly factors: readonly Factors[];
  readonly #composition: Composition;
  readonly #members: ReadonlyMap<string, Space>;

  /**
   * `members` are the recipe's spaces by id; they stay their owner's and are not closed with this one, the composition is.
   *
   * @throws FREEBIND_FACTOR_INVALID
   */
  constructor(composition: Composition, members: ReadonlyMap<string, Space>, factors?: FactorChoice) {
    this.#composition = composition;
    this.#members = members;
    this.factors = composition.factors(factors);
    const { id, dimension, modalities } = composition.plan.space;
    const sources = [...members.values()].map((member) => member.manifest);
    const list = (part: keyof SpaceManifest['source']): string =>
      sources.map(({ id, source }) => `${id}: ${source[part]}`).join('; ');
    this.manifest = {
      id,
      dimension,
      modalities,
      source: { paper: list('paper'), checkpoint: list('checkpoint'), license: list('license') },
    };
  }

  /** What this space is made of. */
  get recipe(): Recipe {
    return this.#composition.plan.recipe;
  }

  /** The same spaces and bonds with other factors. Nothing is loaded or trained; closing either closes both. @throws FREEBIND_FACTOR_INVALID */
  withFactors(factors: FactorChoice): BoundSpace {
    return new BoundSpace(this.#composition, this.#members, factors);
  }

  async embed<M extends Modality>(
    modality: M,
    inputs: readonly ModalityInputs[M][],
    options?: { readonly signal?: AbortSignal },
  ): Promise<Embeddings> {
    const rows = await Promise.all(
      this.#composition.members(modality).map(async ({ id }): Promise<[string, Embeddings]> => {
        const member = this.#members.get(id);
        if (member === undefined) {
          throw new FreebindError(
            'FREEBIND_SPACE_UNKNOWN',
            `"${this.manifest.id}" was made without its member "${id}".`,
          );
        }
        return [id, await member.embed(modality, inputs, options)];
      }),
    );
    return this.#composition.mix(await this.#composition.project(modality, new Map(rows)), this.factors);
  }

  close(): Promise<void> {
    return this.#composition.close();
  }
}
