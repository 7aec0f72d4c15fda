import type { Matrix } from './matrix.ts';
import type { Network, Tensor } from './network.ts';
import type { Table } from './table.ts';

/** What a backend promises. Absent means no; the conformance suite tests both answers. */
export interface BackendManifest {
  readonly id: string;
  /** Of everything the backend returns. Inputs of either precision are taken. */
  readonly precision: 'float32' | 'float64';
  /** Where it runs, for people and provenance: `cpu, 2 threads`, an adapter's name. */
  readonly device: string;
  /** What it tried before this device when the choice was its own, each with why it was passed over. */
  readonly passedOver?: readonly string[];
  /** `openTrainer` works. Inference-only backends omit it. */
  readonly training?: true;
  /** A bank larger than memory is streamed from its table instead of refused. */
  readonly streamedBank?: true;
  /** Same calls give bit-identical results on the same device. */
  readonly bitwiseRepeatable?: true;
  /** Largest absolute error against the float64 oracle for outputs of unit scale. */
  readonly tolerance: number;
}

/** Where freebind's arithmetic runs. Five tasks, no tensors: tables and matrices in, matrices out. Inputs are never written to. */
export interface Backend {
  readonly manifest: BackendManifest;

  /**
   * Uploads a mixture of networks of one input and one output width, to be run many times.
   * @throws FREEBIND_SHAPE_MISMATCH when the mixture is empty, its widths differ or a network's weights do not fit
   */
  openProjector(mixture: readonly Network[]): Promise<ProjectorRunner>;

  /**
   * Opens a memory bank: `keys` [m, dk] score the queries, `values` [m, dv] (default: the keys) are averaged; row i of both is one item.
   * @throws FREEBIND_SHAPE_MISMATCH when the bank has no rows, FREEBIND_ROWS_MISALIGNED when keys and values differ in number
   */
  openBank(bank: { readonly keys: Table; readonly values?: Table }): Promise<BankRunner>;

  /** @throws FREEBIND_CAPABILITY_MISSING unless `manifest.training`, and whatever `checkTrainer` of core refuses */
  openTrainer(options: TrainerOptions): Promise<Trainer>;

  /** normalise(Σ factorᵢ · partᵢ), row by row: all parts [n, d] → [n, d]. Factors need not sum to one. @throws FREEBIND_SHAPE_MISMATCH without parts */
  combine(parts: readonly { readonly rows: Matrix; readonly factor: number }[]): Promise<Matrix>;

  /** Frees the device. Runners opened before are closed with it. Calling it twice is quiet. */
  close(): Promise<void>;
}

export interface ProjectorRunner {
  /**
   * The mean over the mixture's networks of their outputs, in inference mode: [n, in] → [n, out]. One projector gives unit
   * rows; the mean of several is *not* normalised (FreeBind `models/uni_spaces.py` averages all heads first and normalises once).
   */
  project(rows: Matrix): Promise<Matrix>;
  close(): Promise<void>;
}

export interface BankRunner {
  /** softmax(queries · keysᵀ / temperature) · values: [n, dk] → [n, dv]. Not normalised. @throws FREEBIND_ARGUMENT_INVALID unless `temperature` is above 0 and finite */
  aggregate(queries: Matrix, temperature: number): Promise<Matrix>;
  /**
   * queries · keysᵀ: [n, dk] → [n, m], of rows of any length, with factors in the precision of what is returned, whatever a backend
   * does with those of networks. The caller bounds n so that the result fits in memory.
   */
  scores(queries: Matrix): Promise<Matrix>;
  /** The min(k, m) highest scores of each query, best first: `indices` and `scores` [n, min(k, m)]. Equal scores keep the lower index. @throws FREEBIND_ARGUMENT_INVALID unless k is a whole number ≥ 1 */
  topK(queries: Matrix, k: number): Promise<{ readonly indices: Int32Array; readonly scores: Matrix }>;
  close(): Promise<void>;
}

/** One side of a pair: a table as it is (a frozen target), or a network's output for the table's rows. */
export interface Side {
  readonly table: string;
  readonly network?: string;
}

/** Symmetric InfoNCE between two sides, rows of equal number being the positives. */
export interface Pair {
  readonly left: Side;
  readonly right: Side;
}

/**
 * In units of cosine. `learned` makes it a parameter that is itself put back into [min, max] before each step uses and updates it,
 * as FuseMix's `temp.clamp_(0.001, 0.5)` without gradient: one that an update carried over a bound comes back when its gradient says so.
 */
export interface Temperature {
  readonly initial: number;
  readonly learned?: { readonly min: number; readonly max: number };
}

/**
 * The mean over `pairs` of ½ [CE(x·yᵀ/τ, i) + CE(y·xᵀ/τ, i)], each the mean over the batch, in nats.
 * A network that serves several tables runs once per table and step, in order of first use in `pairs` (left before right),
 * each run with its own batch statistics, running statistics moving once per run.
 */
export interface Objective {
  readonly pairs: readonly Pair[];
  readonly temperature: Temperature;
}

/** Adam with PyTorch's bias correction, ε outside the root. `weightDecay` > 0 makes it AdamW: decoupled, on arrays of two or more dimensions only. */
export interface Optimizer {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

export interface TrainerOptions {
  /** The networks that are trained, by name. */
  readonly networks: Readonly<Record<string, Network>>;
  /** Row-aligned tables, by name. */
  readonly tables: Readonly<Record<string, Table>>;
  readonly objective: Objective;
  readonly optimizer: Optimizer;
  /** Rows of every `step`, so that a backend can prepare its buffers once. Even when steps mix. */
  readonly batch: number;
  /** Steps carry `mix`: the first half of a batch is mixed with the second before the networks. */
  readonly mixup?: boolean;
  /** Continue from here instead of from `networks`' weights, a zero optimizer and the initial temperature. */
  readonly state?: TrainerState;
}

export interface StepInput {
  /** Numbers of the rows of this batch, `TrainerOptions.batch` of them. */
  readonly rows: Int32Array;
  readonly learningRate: number;
  /** λ of latent mixup: λ · first half + (1 − λ) · second half, in every table. Given exactly when `mixup` is on. */
  readonly mix?: number;
  /** Decides dropout; a whole number in [0, 2³²). Default 0. */
  readonly seed?: number;
  /** Told which share of the step is done, rising to 1, by a backend whose steps may take minutes; others never call it. */
  readonly progress?: (share: number) => void;
}

export interface StepResult {
  /** Before the update, in nats. */
  readonly loss: number;
  /** As used in this step, within the clamp. */
  readonly temperature: number;
}

/**
 * Everything that the next step depends on. Names of `tensors`: `NETWORK/PARAMETER` (weights and running statistics),
 * `adam.m/NETWORK/PARAMETER` and `adam.v/NETWORK/PARAMETER` (moments of every trained parameter; zero before the first step),
 * and, when the temperature is learned, `temperature`, `adam.m/temperature` and `adam.v/temperature`, of shape [].
 * After the first step from fresh, adam.m = (1 − β₁) · gradient.
 */
export interface TrainerState {
  /** Steps taken; Adam's bias correction depends on it. */
  readonly step: number;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

export interface Trainer {
  /** One update; the batch's rows are gathered from the tables. NaN is returned as the loss, not thrown. @throws what `checkStep` of core refuses */
  step(input: StepInput): Promise<StepResult>;
  /** The state as it stands. Continuing from it gives bit for bit the run that was not interrupted, on the same backend and device. */
  snapshot(): Promise<TrainerState>;
  close(): Promise<void>;
}
