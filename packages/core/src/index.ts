export { adapter, type AdapterShape } from './adapter.ts';
export { type BackendCandidate, probeBackends, type ProbeMemory, type StartedBackend } from './auto-backend.ts';
export type {
  Backend,
  BackendManifest,
  BankRunner,
  Objective,
  Optimizer,
  Pair,
  ProjectorRunner,
  Side,
  StepInput,
  StepResult,
  Temperature,
  Trainer,
  TrainerOptions,
  TrainerState,
} from './backend.ts';
export { type BackendChoice, overrideBackend, readBackendChoice } from './backend-choice.ts';
export { checkAggregationTemperature } from './aggregation-temperature.ts';
export { checkThreads, refuseUnknownOptions } from './backend-options.ts';
export { type BackendRates, measureBackend, stepOperations, type StepShape } from './backend-rates.ts';
export { type BackendProbe, type BackendVerdict, losesTo, rankProbes } from './backend-verdict.ts';
export type { Bond, BondData, BondEnd, BondManifest } from './bond.ts';
export {
  findBond,
  findSpace,
  type Plan,
  type PlannedStep,
  planRecipe,
  sharedModalities,
  type SpaceShape,
  type WantedBond,
} from './bonding.ts';
export { BoundSpace } from './bound-space.ts';
export { composeTables, shapesOf, type Tables } from './compose-tables.ts';
export { type BondSource, Composition, openComposition, type Projections } from './composition.ts';
export type { PluginChoice } from './config/plugins.ts';
export { type DropoutKeys, dropoutKeys, isKept } from './dropout.ts';
export { describeKind } from './describe-kind.ts';
export { FreebindError, type FreebindErrorCode, isFreebindError } from './errors.ts';
export { type BindingOptions, type BindingReport, type BindingRow, evaluateBinding } from './evaluation/binding.ts';
export type { BindingCandidate } from './evaluation/binding-candidates.ts';
export { bootstrapMeans, type Estimate, type Interval, type IntervalOptions } from './evaluation/bootstrap.ts';
export { compareDirections, type Comparison } from './evaluation/comparison.ts';
export type { ScoringOptions } from './evaluation/cosine-tiles.ts';
export {
  type Direction,
  directionOf,
  type DirectionScores,
  type DirectionsOptions,
  type DirectionsReport,
  evaluateDirections,
  type RecallEstimate,
} from './evaluation/directions.ts';
export { type ForgettingOptions, measureForgetting } from './evaluation/forgetting.ts';
export { findLeakage, type ItemPlace, type ItemPool, type Leak, type LeakageReport } from './evaluation/leakage.ts';
export {
  averagePrecision,
  evaluateMultiLabel,
  type MultiLabelOptions,
  type MultiLabelReport,
} from './evaluation/mean-average-precision.ts';
export { type RankOptions, rankRightItems } from './evaluation/ranks.ts';
export type { RecallAt } from './evaluation/recall.ts';
export {
  evaluateRetrieval,
  type RetrievalOptions,
  type RetrievalReport,
  type RetrievalScores,
} from './evaluation/retrieval.ts';
export { chooseShare, type Duel, mixScores, type Searchable } from './evaluation/score-mixing.ts';
export { embedClasses, evaluateZeroShot, type ZeroShotOptions, type ZeroShotReport } from './evaluation/zero-shot.ts';
export { finiteRows } from './finite-rows.ts';
export { DISPLACEMENT_FACTOR, type FactorChoice, type MixingStep, presetsOf, resolveFactors } from './factors.ts';
export { foldNetwork } from './fold-network.ts';
export { type BindOptions, Freebind, freebind, type FreebindOptions } from './freebind.ts';
export {
  findBadRow,
  gatherRows,
  longestRow,
  type Matrix,
  matrix,
  NORM_FLOOR,
  normaliseRows,
  type Reals,
  sliceRows,
} from './matrix.ts';
export {
  checkNetwork,
  initialise,
  inputWidth,
  type Layer,
  type Network,
  outputWidth,
  type Parameter,
  parametersOf,
  type Tensor,
  type Weights,
  widthAfter,
} from './network.ts';
export { checkBond, openBond } from './opened-bond.ts';
export {
  API_VERSION,
  type ConfiguredPlugin,
  definePlugin,
  type Plugin,
  type PluginManifest,
  type PluginOfOptions,
} from './plugin.ts';
export { projector, PROJECTOR_HIDDEN } from './projector.ts';
export { PRESETS, PUBLISHED } from './published.ts';
export { hash32, normalMatrix, type Random, random, uniformReals } from './random.ts';
export { type Factors, type Recipe, recipe, type Step } from './recipe.ts';
export { formatRecipe, formatStep, spaceIdOf } from './recipe-text.ts';
export type { EachEmbedding, Embeddings, Modality, ModalityInputs, Space, SpaceManifest, SpaceRows } from './space.ts';
export type { Store } from './store.ts';
export { selectRows, stackTables, type StoredRows, type Table, tableOf } from './table.ts';
export { BACKEND, BOND, PLUGIN, SPACE, STORE } from './tokens.ts';
export { checkStep, checkTrainer, type NetworkRun, networkRuns, stateTensors } from './trainer-options.ts';
export { type Goal, readGoal } from './tuning/goal.ts';
export { paretoFront } from './tuning/pareto.ts';
export type { Candidate, Surface, TunedPoint, TuneResult } from './tuning/result.ts';
export { type TuneOptions, tuneRecipe } from './tuning/tune.ts';
export { refuseSharedIds, type ValidationSet } from './tuning/validation.ts';
export { unitRows } from './unit-rows.ts';
