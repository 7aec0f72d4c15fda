import type { BondTraining, FuseTraining } from '@freebind/core/training';

/** How much a quickstart does. Chosen on validation concepts with time in mind: two cores have 120 seconds. */
export interface Settings {
  /** Training steps of the unified space, of the experts and of the space of all triples (0: not made). */
  readonly steps: { readonly unified: number; readonly experts: number; readonly supervised: number };
  /**
   * Of every bond. Pseudo pairs that start from a text (head `T`) are the good ones here: both experts know text, so both sides
   * of such a pair are looked up by an expert. On validation this head alone beat the seven and `mix`, and τ = 0.05 FreeBind's 0.02,
   * which takes pairs for surer than pools of this size make them.
   */
  readonly bond: Pick<BondTraining, 'heads' | 'batch' | 'epochs' | 'hidden' | 'temperature'>;
  /** Epochs of the controls that train bonds of their own; 0: not made. Seven heads see all sources, so they need fewer. */
  readonly controls: {
    readonly sevenHeads: number;
    readonly disjoint: number;
    readonly direct: number;
    readonly alone: number;
  };
  /** Draws of every bootstrap. */
  readonly resamples: number;
}

/** The whole run. */
export const FULL: Settings = {
  steps: { unified: 100, experts: 400, supervised: 200 },
  bond: { heads: ['T'], batch: 512, hidden: 512, temperature: 0.05, epochs: { displacement: 20, combination: 20 } },
  // A third of the texts makes a third of the batches.
  controls: { sevenHeads: 2, disjoint: 60, direct: 20, alone: 20 },
  resamples: 1000,
};

/** `--fast`: fewer steps, and no controls that need training. */
export const FAST: Settings = {
  steps: { unified: 60, experts: 120, supervised: 0 },
  bond: { heads: ['T'], batch: 512, hidden: 512, temperature: 0.05, epochs: { displacement: 10, combination: 10 } },
  controls: { sevenHeads: 0, disjoint: 0, direct: 0, alone: 0 },
  resamples: 500,
};

/** Most pairs of a batch when a space is fused. */
const FUSE_BATCH = 512;

/**
 * FuseMix for small data: shallow narrow adapters with dropout, AdamW at 1e-3 with a cosine. `steps` is met as nearly as whole
 * epochs of `items` allow.
 */
export function fuseTraining(steps: number, items: number, seed: number): Partial<FuseTraining> {
  const batch = Math.min(FUSE_BATCH, items - (items % 2));
  return {
    seed,
    epochs: Math.max(1, Math.round(steps / Math.floor(items / batch))),
    batch,
    rate: { kind: 'warm-up-cosine', floor: 1e-6, peak: 1e-3, warmUpSteps: 1 },
    adapter: { output: 128, blocks: 1, expansion: 2, dropout: 0.5 },
  };
}
