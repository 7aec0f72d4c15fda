import { describe, expect, test } from 'vitest';
import { checkConfig } from './schema.ts';

/** What `checkConfig` says of a config, or what it gives. */
function problemsOf(config: unknown): string {
  try {
    checkConfig(config, 'freebind.config.json');
    return 'none';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const modalities = { image: ['google.npy', 'noto.npy'], text: 'labels.npy' };

test('takes every setting of training and fusing', () => {
  const config = {
    tables: 'tables',
    train: {
      recipe: 'u + d(vt) + c(at)',
      rows: { audio: 'splits.json:train', image: [0, 1, 2] },
      factors: { audio: 0.5 },
      epochs: { displacement: 5, combination: 20 },
      batch: 4096,
      learningRate: 1e-3,
      temperature: 0.02,
      aggregationTemperature: 0.01,
      normalise: true,
      bank: 1000,
      heads: ['mix', 'A'],
      pairs: [['audio', 'text']],
      hidden: 2048,
      shortBatch: 'fill',
      checkpoints: { everySteps: 100, everySeconds: 60 },
      reuseGiB: 0.5,
    },
    fuse: {
      vt: {
        modalities,
        rows: 'splits.json:train',
        embed: { pool: { image: ['google.npy', 'noto.npy'] }, test: { text: 'labels.npy' } },
        epochs: 500,
        batch: 512,
        rate: { kind: 'warm-up-cosine', floor: 1e-6, peak: 1e-3, warmUpSteps: 100 },
        temperature: { initial: 0.07, learned: { min: 0.001, max: 0.5 } },
        optimizer: { weightDecay: 0.1 },
        mixup: { kind: 'cosine', from: 1, to: 0.1 },
        adapter: { output: 256, blocks: 1, expansion: 2, dropout: 0.5 },
        latents: { standardise: true, reduce: 256, whiten: false },
        subset: { method: 'k-dpp', size: 500, by: 'image' },
        shortBatch: 'drop',
        source: { license: 'MIT' },
        checkpoints: { everySteps: 10 },
      },
      at: { modalities, rate: 1e-3, temperature: 0.07, mixup: false },
    },
  };
  expect(checkConfig(config, 'freebind.config.json')).toEqual(config);
});

describe('names the key, what it was and the fix', () => {
  test.each([
    [{ train: { recipe: 'u', bacth: 3 } }, 'train.bacth: no such key; did you mean "batch"?'],
    [{ train: {} }, 'train.recipe is missing: give a recipe'],
    [{ train: { recipe: 'u', batch: 1 } }, 'train.batch is 1: give a whole number of at least 2'],
    [{ train: { recipe: 'u', reuseGiB: -1 } }, 'train.reuseGiB is -1: give a number of GiB of at least 0'],
    [{ train: { recipe: 'u', hidden: 1e9 } }, 'train.hidden is 1000000000: give a whole number from 1 to 65536'],
    [{ train: { recipe: 'u', rows: { audio: 3 } } }, 'train.rows is {"audio":3}: give a list of row numbers'],
    [{ train: { recipe: 'u', rows: [0, 0] } }, 'train.rows is [0,0]: name each row once'],
    [{ fuse: { vt: { modalities, rows: [1, 2, 1] } } }, 'fuse.vt.rows is [1,2,1]: name each row once'],
    [{ train: { recipe: 'u', heads: 3 } }, 'train.heads is 3: give "all" or a list'],
    [{ fuse: { vt: { modalities, epoch: 3 } } }, 'fuse.vt.epoch: no such key; did you mean "epochs"?'],
    [{ fuse: { vt: { modalities, adapter: { dropout: 1 } } } }, 'fuse.vt.adapter.dropout is 1: give a number from 0'],
    [{ fuse: { vt: { modalities, adapter: { output: 1e9 } } } }, 'fuse.vt.adapter.output is 1000000000: give a whole'],
    [{ fuse: { vt: { modalities, adapter: { blocks: 1e9 } } } }, 'fuse.vt.adapter.blocks is 1000000000: give a whole'],
    [{ fuse: { vt: { modalities, adapter: { expansion: 0 } } } }, 'fuse.vt.adapter.expansion is 0: give a whole'],
    [{ fuse: { vt: { modalities: { image: 3 } } } }, 'fuse.vt.modalities.image is 3: give a file, or a list of files'],
    [{ fuse: { vt: { modalities, mixup: true } } }, 'fuse.vt.mixup is true: give α above 0, false, or a schedule'],
    [{ fuse: 'vt' }, 'fuse is "vt": give the spaces to fuse by their names'],
  ])('%j', (config, problem) => {
    expect(problemsOf(config)).toContain(`  - ${problem}`);
  });
});
