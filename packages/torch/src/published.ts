import { FreebindError } from '@freebind/core';

/** Heads of a published bond, in the published order: FreeBind `models/paths.py`, `data_modes`. */
export const PUBLISHED_HEADS = ['mix', 'A', 'T', 'V', 'AT', 'AV', 'TV'] as const;

/** One bond of a published variant: where its checkpoints lie and what it binds. */
export interface PublishedBond {
  readonly id: string;
  readonly kind: 'combination' | 'displacement';
  /** Id of the space that it reads. */
  readonly from: string;
  /** Id of the space that it writes into; of a bound space, its recipe. */
  readonly into: string;
  readonly shared: readonly string[];
  /** Folders of `HEAD/best.pt`, of which the first that is there is read. */
  readonly directories: readonly string[];
}

const displacement = (from: string, id: string, directories: readonly string[]): PublishedBond => ({
  id,
  kind: 'displacement',
  from,
  into: 'internvl',
  shared: ['image', 'text'],
  directories,
});

/** The bonds of LAION-CLAP general (`…_G_Proj`) and music (`…_M_Proj`) into one space. */
const combinations = (into: string, suffix: string, prefix: string): readonly PublishedBond[] =>
  [
    { clap: 'clap-general', letter: 'G' },
    { clap: 'clap-music', letter: 'M' },
  ].map(({ clap, letter }) => ({
    id: `${clap}-to-${suffix}`,
    kind: 'combination',
    from: clap,
    into,
    shared: ['audio', 'text'],
    directories: [`${prefix}_${letter}_Proj`],
  }));

const internvl = displacement('imagebind', 'imagebind-to-internvl', ['InternVL_IB_Proj']);
// The published code reads the same projectors for ImageBind with and without the fine-tuned audio encoder (`models/paths.py`,
// `VLIB_PATHS`); a folder of its own, named as the other †-folders are, comes first where somebody trained one.
const internvlFt = displacement('imagebind†', 'imagebind-ft-to-internvl', ['InternVL_IB_FT_Proj', 'InternVL_IB_Proj']);

/** Bonds of the five variants that FreeBind published, by the variant's name in lower case: `models/uni_spaces.py` and `models/paths.py`. */
export const PUBLISHED_BONDS: Readonly<Record<string, readonly PublishedBond[]>> = {
  'imagebind++': combinations('imagebind', 'imagebind', 'IB_PP'),
  internvl_ib: [internvl],
  'internvl_ib†': [internvlFt],
  'internvl_ib++': [internvl, ...combinations('imagebind + d(internvl)', 'internvl_ib', 'InternVL_IB_PP')],
  'internvl_ib†++': [internvlFt, ...combinations('imagebind† + d(internvl)', 'internvl_ib-ft', 'InternVL_IB_FTPP')],
};

/**
 * The bonds of a variant. Names are read in any case, and `_ft` stands for `†` where a keyboard has none:
 * `internvl_ib_ft++` is `internvl_ib†++`.
 *
 * @throws FREEBIND_ARGUMENT_INVALID
 */
export function publishedBonds(variant: string): readonly PublishedBond[] {
  const name = variant.trim().toLowerCase().replace('_ft', '†');
  const bonds = Object.hasOwn(PUBLISHED_BONDS, name) ? PUBLISHED_BONDS[name] : undefined;
  if (bonds !== undefined) return bonds;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `FreeBind published no variant "${variant}"; there are ${Object.keys(PUBLISHED_BONDS).join(', ')} (or internvl_ib_ft and internvl_ib_ft++).`,
  );
}
