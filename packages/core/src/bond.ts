import type { Network } from './network.ts';
import type { Embeddings, SpaceRows } from './space.ts';

/** One side of a bond, with what is needed to refuse rows of another space. */
export interface BondEnd {
  /** A space's id; for a bound space, the canonical text of its recipe without factors. */
  readonly space: string;
  readonly dimension: number;
}

export interface BondManifest {
  readonly id: string;
  /** `combination` merges an expert into the unified space; `displacement` moves the unified space into an expert's. */
  readonly kind: 'combination' | 'displacement';
  /** The space whose embeddings the bond reads. */
  readonly from: BondEnd;
  /** The space it writes into. */
  readonly into: BondEnd;
  /** Modalities that both spaces embed. */
  readonly shared: readonly string[];
  /** Names of the mixture's heads, in order: the source subsets they were trained on. */
  readonly heads: readonly string[];
}

/** A bond as data: the manifest and one network a head. */
export interface BondData {
  readonly manifest: BondManifest;
  readonly networks: Readonly<Record<string, Network>>;
}

/** A learned map from one space into another. It carries embeddings of any modality; factors live in the recipe. */
export interface Bond {
  readonly manifest: BondManifest;

  /**
   * The mean of every head's unit output, not normalised: [n, from.dimension] → [n, into.dimension].
   * A parallel bond averages over all heads of all its experts before it normalises once (FreeBind `models/uni_spaces.py`).
   *
   * @throws FREEBIND_SPACE_MISMATCH when `embeddings.space` is not `manifest.from.space`
   */
  carry(embeddings: Embeddings): Promise<SpaceRows>;

  close(): Promise<void>;
}
