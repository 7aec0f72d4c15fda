import type { TrainerOptions } from '@freebind/core';
import type { Graph, Value } from './graph.ts';
import { packNumber } from './packing.ts';
import { blocksOf, type Rows } from './rows.ts';
import type { PackedByName, Windows } from './session-protocol.ts';
import type { Session, Sessions, State } from './sessions.ts';
import { type OpenGraph, StreamedInfoNce, type Watch } from './streamed-info-nce.ts';
import { beginStep, pairsOf, shareOf, type StepGraph } from './train-step.ts';
import type { TrainingLayout } from './training-layout.ts';

/** A graph with the places of the rows that it writes or reads. */
interface Placed {
  readonly session: Session;
  readonly windows: Windows;
}

/**
 * A training step whose logits are never whole. A first graph runs the networks and leaves the rows that are compared, the
 * loss is streamed pair by pair, and a last graph runs the networks once more, for the way back: what they keep for it need
 * not be held meanwhile, and takes no time beside n² logits.
 */
export class StreamedStep {
  readonly dropouts: StepGraph['dropouts'];
  readonly #share: number;
  readonly #forward: Placed;
  readonly #backward: Placed;
  readonly #pairs: readonly StreamedInfoNce[];

  private constructor(
    { share, dropouts }: { readonly share: number } & Pick<StepGraph, 'dropouts'>,
    [forward, backward]: readonly [Placed, Placed],
    pairs: readonly StreamedInfoNce[],
  ) {
    this.dropouts = dropouts;
    this.#share = share;
    this.#forward = forward;
    this.#backward = backward;
    this.#pairs = pairs;
  }

  /** `tile`: rows and columns of a tile of logits. */
  static async open(
    options: TrainerOptions,
    layout: TrainingLayout,
    sessions: Sessions,
    { open, tile }: { readonly open: OpenGraph; readonly tile?: number | undefined },
  ): Promise<StreamedStep> {
    const { model, dropouts } = forwardGraph(options, layout);
    const [forward, backward] = [
      await sessions.open(model, { keepsMemory: false }),
      await sessions.open(backwardGraph(options, layout), { keepsMemory: false }),
    ];
    const pairs: StreamedInfoNce[] = [];
    for (const { x, trainsY } of pairsOf(options)) {
      const batch = { rows: layout.rows, cols: layout.output(x), trainsY, tile };
      pairs.push(await StreamedInfoNce.open(sessions, open, batch));
    }
    const windows = (of: 'rows' | 'gradients'): Windows =>
      Object.fromEntries(
        pairs.flatMap((pair, p) =>
          blocksOf(layout.rows).flatMap(({ start, end }, block) =>
            Object.entries(pair[of](start, end)).map(([side, window]) => [rowsName(side, p, block), window] as const),
          ),
        ),
      );
    const placed = [
      { session: forward, windows: windows('rows') },
      { session: backward, windows: windows('gradients') },
    ] as const;
    return new StreamedStep({ share: shareOf(options, layout), dropouts }, placed, pairs);
  }

  /** One update of `state`. `check` throws where it is to end early; the state is as it was then. `progress` is told of the loss. */
  async run(
    fed: PackedByName,
    state: State,
    { shared, check, progress }: Watch & { readonly shared: boolean },
  ): Promise<{ readonly outputs: PackedByName; readonly feeds?: PackedByName }> {
    const { outputs: attractions, feeds = {} } = await this.#forward.session.run(fed, state, this.#forward.windows);
    let loss = 0;
    for (const [p, pair] of this.#pairs.entries()) {
      const watch = { check, progress: (share: number) => progress?.((p + share) / this.#pairs.length) };
      loss += (await pair.run(shared, watch)) - Number(attractions[attractionName(p)]?.data[0]);
    }
    check();
    const done = await this.#backward.session.run(feeds, state, this.#backward.windows);
    return { ...done, outputs: { ...done.outputs, loss: packNumber(this.#share * loss) } };
  }

  async close(): Promise<void> {
    await Promise.all([this.#forward.session, this.#backward.session, ...this.#pairs].map((opened) => opened.close()));
  }
}

/** A block of rows of a side of a pair, or of their gradients. */
const rowsName = (side: string, pair: number, block: number): string => `rows/${side}/${pair}/${block}`;
/** Σ x · y/τ of a pair's positives. */
const attractionName = (pair: number): string => `attraction/${pair}`;

/** Feeds → the rows of every pair, those of x over τ. */
function forwardGraph(options: TrainerOptions, layout: TrainingLayout): StepGraph {
  const { graph, dropouts, inverse, rowsOf } = beginStep(options, layout);
  graph.outputUnreadable();
  pairsOf(options).forEach(({ x, y }, p) => {
    const scaled = rowsOf(x).map((block) => graph.mul(block, inverse));
    const keys = rowsOf(y);
    scaled.forEach((block, i) => graph.output(rowsName('x', p, i), block));
    keys.forEach((block, i) => graph.output(rowsName('y', p, i), block));
    graph.output(attractionName(p), dot(graph, scaled, keys));
  });
  return { model: graph.encode(), dropouts };
}

/** Feeds, and the gradients of the rows as `StreamedInfoNce` leaves them → the next state. */
function backwardGraph(options: TrainerOptions, layout: TrainingLayout): Uint8Array {
  const { graph, inverse, rowsOf, update } = beginStep(options, layout);
  const pairs = pairsOf(options).map(({ x, trainsY }, p) => {
    const width = layout.output(x);
    const given = (side: string, factor: Value): Rows =>
      blocksOf(layout.rows).map(({ start, end }, i) =>
        graph.mul(graph.input(rowsName(side, p, i), [end - start, width]), factor),
      );
    const minus = graph.scalar(-1);
    const dx = given('x', graph.mul(inverse, minus));
    return {
      gradients: { x: dx, ...(trainsY && { y: given('y', minus) }) },
      // ∂τ = −Σ (x ∘ ∂x)/τ
      temperatureGradient: graph.mul(graph.mul(dot(graph, rowsOf(x), dx), inverse), minus),
    };
  });
  update(pairs);
  return graph.encode();
}

/** Σ a ∘ b, []. */
function dot(graph: Graph, a: Rows, b: Rows): Value {
  return a.map((block, i) => graph.total(graph.mul(block, b[i] ?? block))).reduce((x, y) => graph.add(x, y));
}
