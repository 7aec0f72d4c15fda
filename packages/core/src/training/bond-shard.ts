import { resolve } from 'node:path';
import { FreebindError } from '../errors.ts';
import { collectPseudoPairs, collectShard, missingPairs, type Shard, shardRows } from '../pseudo-pairs/collect.ts';
import { isThere, pairSources, planBond, type TrainBondOptions, trainNewHead } from './bond.ts';
import { renameStage, type TrainingEvent } from './events.ts';
import { takeHeads } from './head-pieces.ts';
import { openWorkFolder } from './work-folder.ts';

/** One run's share of a bond: rows of its pseudo pairs, or, once all of those are there, some of its heads. */
export interface BondShardOptions extends TrainBondOptions {
  readonly shard: Shard;
  readonly part: 'pairs' | 'heads';
  /** Where the shards meet: a folder that all of them see. */
  readonly reuse: string;
}

/**
 * Does one shard of a bond. Shards may run side by side, in any order, on other machines, and again after they were killed;
 * what each makes goes into the reuse folder. `trainBond` then puts the bond together from there, to the bytes of a run
 * without shards on the same backend, device and number of threads.
 *
 * @throws FREEBIND_FILE_MISSING naming the pseudo pairs that other shards have not made yet, and as `trainBond`
 */
export async function* trainBondShard(options: BondShardOptions): AsyncGenerator<TrainingEvent, void, undefined> {
  const { shard, part, out, replace = false } = options;
  shardRows(0, shard);
  const plan = await planBond(options);
  const { id } = plan;
  if (await isThere(out, plan.made, replace)) {
    yield { type: 'done', stage: id, path: out, reused: true };
    return;
  }
  if (options.prepare !== undefined) yield* options.prepare();
  const workPath = `${resolve(out)}.shard-${shard.index}-of-${shard.count}`;
  const reuse = { folder: options.reuse, fingerprints: plan.provenance.data, shared: true };
  const sources = { ...pairSources(options, plan, { path: workPath }), reuse };
  if (part === 'pairs') {
    yield* renameStage(
      `${id}: pseudo pairs, shard ${shard.index} of ${shard.count}`,
      collectShard({ ...sources, shard }),
    );
    return;
  }
  const taken = await takeHeads(options.reuse, plan);
  const left = plan.heads.filter(({ name }, i) => i % shard.count === shard.index && !taken.has(name));
  if (left.length === 0) {
    yield { type: 'done', stage: id, path: options.reuse, reused: true };
    return;
  }
  const missing = await missingPairs(sources);
  if (missing.length > 0) {
    throw new FreebindError(
      'FREEBIND_FILE_MISSING',
      `The pseudo pairs of "${id}" are not complete: ${missing.slice(0, 3).join('; ')}${missing.length > 3 ? `; and ${missing.length - 3} more` : ''} are not in ${options.reuse}. Run the shards that make them first (\`freebind train --part pairs --bond ${id} --shard i/n\`).`,
    );
  }
  const work = await openWorkFolder(workPath, { ...shard, made: plan.made, backend: plan.arithmetic }, options);
  try {
    const pairs = yield* renameStage(`${id}: pseudo pairs`, collectPseudoPairs(sources));
    try {
      for (const head of left) yield* trainNewHead(options, plan, { head, pairs, work });
    } finally {
      await pairs.close();
    }
    await work.remove();
  } finally {
    await work.release();
  }
}
