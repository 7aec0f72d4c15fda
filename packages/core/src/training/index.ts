export {
  collectPseudoPairs,
  type CollectOptions,
  collectShard,
  missingPairs,
  type PseudoPairs,
  type ReuseFolder,
  type Shard,
  type Tuples,
} from '../pseudo-pairs/collect.ts';
export { AGGREGATION_TEMPERATURE, type PairSources } from '../pseudo-pairs/columns.ts';
export { type SourceSubset, sourceSubsets } from '../pseudo-pairs/source-subsets.ts';
export { type Party, type SpaceTables, type TupleColumn, tupleColumns } from '../pseudo-pairs/tuples.ts';
export { trainBond, type TrainBondOptions, type TrainedBond } from './bond.ts';
export { type BondShardOptions, trainBondShard } from './bond-shard.ts';
export { ADAM, BOND_TRAINING, bondId, type BondTraining } from './bond-options.ts';
export { type Pace, paceMeter, type TrainingEvent } from './events.ts';
export { findDifference } from './identity.ts';
export { type CheckpointOptions, type RunOptions, train, type Trained } from './run.ts';
export { alphaAt, FUSEMIX_RATE, type MixSchedule, type Moment, rateAt, type RateSchedule } from './schedule.ts';
export { embedTable } from '../fusemix/embed-table.ts';
export { fuse, type Fused, type FuseOptions } from '../fusemix/fuse.ts';
export { FUSE_TRAINING, type FuseTraining } from '../fusemix/fuse-options.ts';
export { fitLatents, type LatentPreparation } from '../fusemix/latents.ts';
export { diverseSubset, uniformSubset } from '../fusemix/subset.ts';
export type { Views } from '../fusemix/views.ts';
export {
  type RecipeShardOptions,
  type RowsByModality,
  type TrainedRecipe,
  trainRecipe,
  type TrainRecipeOptions,
  trainRecipeShard,
} from './recipe.ts';
export { discardWorkFolder, openWorkFolder, type WorkFolder } from './work-folder.ts';
export { type PlannedBond, planTraining, type TrainingPlan } from './training-plan.ts';
export { type PlannedStage, predict, type ProbedMachine } from '../planning/predict.ts';
export { fuseStages, shapeOnly, type Stage, trainingStages } from '../planning/stages.ts';
