import {
  type Backend,
  type Comparison,
  findLeakage,
  type ItemPool,
  type Leak,
  type Matrix,
  measureForgetting,
  type Searchable,
  selectRows,
} from '@freebind/core';
import { tidy } from '@freebind/report';
import { DIRECTIONS, type ForgettingRow, type LeakageCheck } from './result.ts';
import { evaluationMedia, type Media } from './spaces.ts';
import { MODALITIES, seenBy, type Starter } from './starter.ts';

/** Cosine of encoder features from which two media count as one. */
const NEAR_IDENTICAL = 0.999;

/**
 * Looks for evaluation media in everything that was trained on, by id (`twemoji/1F600`) and by encoder features. Labels of
 * validation and test concepts are in the experts' training and in the pool on purpose, so they are counted and said, not listed.
 */
export async function checkLeakage(starter: Starter, backend: Backend): Promise<LeakageCheck> {
  const seen = seenBy(starter.splits);
  const training = MODALITIES.flatMap((modality) =>
    starter.training[modality].map((view) => {
      const media = { ...evaluationMedia(starter, modality, Array.from(seen)), table: starter.table(view, modality) };
      return poolOf(`pool ${view}.${modality}`, modality, {
        table: selectRows(media.table, seen),
        ids: media.ids.map((id) => `${view}/${id}`),
      });
    }),
  );
  const evaluation = (['validation', 'test', 'unseen'] as const).flatMap((split) =>
    MODALITIES.map((modality) => {
      const view = starter.evaluation[modality];
      const { table, ids } = evaluationMedia(starter, modality, starter.splits[split]);
      return poolOf(`${split} ${view}.${modality}`, modality, { table, ids: ids.map((id) => `${view}/${id}`) });
    }),
  );
  const { byId, byEmbedding, threshold } = await findLeakage({
    training,
    evaluation,
    backend,
    threshold: NEAR_IDENTICAL,
  });
  return {
    checked: evaluation.reduce((sum, { table }) => sum + table.rows, 0),
    threshold,
    byId: byId.filter((leak) => !isKnown(leak)).map(describe),
    byEmbedding: byEmbedding.filter((leak) => !isKnown(leak)).map(describe),
    expected: [
      `${byId.filter(isKnown).length} labels of validation and test concepts are among the texts that the experts and the pools saw, as words are to any text encoder.`,
      'The experts and the pools also saw the validation and test concepts by other drawings and in other voices; the unified space saw none of them.',
    ],
  };
}

function poolOf(name: string, modality: string, { table, ids }: Media): ItemPool {
  return { name, modality, space: 'encoder features', table, ids };
}

/** A label that training saw on purpose. */
function isKnown({ modality, evaluation: { pool } }: Leak): boolean {
  return modality === 'text' && !pool.startsWith('unseen');
}

function describe(leak: Leak & { readonly cosine?: number }): LeakageCheck['byId'][number] {
  return {
    id: leak.evaluation.id ?? String(leak.evaluation.row),
    trainedOn: `${leak.training.pool}, ${leak.training.id ?? leak.training.row}`,
    evaluatedOn: leak.evaluation.pool,
    ...(leak.cosine !== undefined && { cosine: tidy(leak.cosine) }),
  };
}

/** What bonds cost, or give, the base space in each direction: R@1 before and after on the same concepts. */
export async function checkForgetting(
  bond: string,
  before: Searchable,
  after: Searchable,
  { backend, seed, resamples }: { readonly backend: Backend; readonly seed: number; readonly resamples: number },
): Promise<readonly ForgettingRow[]> {
  const compared: readonly Comparison[] = await measureForgetting({
    before: present(before),
    after: present(after),
    ks: [1],
    backend,
    interval: { seed, resamples },
  });
  return DIRECTIONS.flatMap((direction) => {
    const found = compared.find((each) => each.direction === direction);
    if (found === undefined) return [];
    const { low, high } = found.difference;
    const [was, is] = [tidy(100 * found.before), tidy(100 * found.after)];
    return [{ bond, direction, before: was, after: is, low: tidy(100 * low), high: tidy(100 * high) }];
  });
}

function present(rows: Searchable): Readonly<Record<string, Matrix>> {
  return Object.fromEntries(Object.entries(rows).flatMap(([m, own]) => (own === undefined ? [] : [[m, own] as const])));
}
