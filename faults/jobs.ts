import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { initialise, matrix, normaliseRows, normalMatrix, projector, random } from '@freebind/core';
import { readBond, readFusedSpace, writeBond, writeNpy } from '@freebind/core/files';
import sharp from 'sharp';
import { checkpointOf } from '../packages/torch/test/write-checkpoint.ts';

/** One long command of freebind and a folder of inputs to run it on: some seconds of it, with many files written on the way. */
export interface Job {
  readonly name: string;
  /** Writes the inputs into `dir`, which is the working directory of the command. */
  readonly prepare: (dir: string) => Promise<void>;
  readonly args: readonly string[];
  /** Added when the command is run again after it was stopped. */
  readonly resume: readonly string[];
  /** Added for a run before it, which leaves another result in the same place. */
  readonly other: readonly string[];
  /** What it makes, as paths in `dir`, each with freebind's own reader, which puts right what a kill between two renames left. */
  readonly results: Readonly<Record<string, (path: string) => Promise<unknown>>>;
  /** Folders of unfinished work and of finished pieces, which a person may delete to start anew. Empty: nothing is kept. */
  readonly work: readonly string[];
  /** Whether it computes on a backend, which may die. */
  readonly backend: boolean;
}

const FIXTURES = fileURLToPath(new URL('../fixtures/numpy', import.meta.url));
const GOLDEN = fileURLToPath(new URL('../fixtures/golden', import.meta.url));
const CONFIG = 'freebind.config.json';

async function writeTables(
  dir: string,
  tables: Readonly<Record<string, readonly [rows: number, cols: number]>>,
): Promise<void> {
  for (const [name, [rows, cols]] of Object.entries(tables)) {
    const { data } = normalMatrix(rows, cols, random('faults', name));
    await writeNpy(join(dir, `${name}.npy`), normaliseRows(matrix(rows, cols, data)));
  }
}

/** Two bonds, the second on tables of the bound space that the first made: pseudo pairs, heads, composed tables, pieces. */
const train: Job = {
  name: 'train',
  prepare: async (dir) => {
    await writeTables(join(dir, 'tables'), {
      'u.audio': [260, 12],
      'u.image': [250, 12],
      'u.text': [270, 12],
      'vt.image': [250, 10],
      'vt.text': [270, 10],
      'at.audio': [260, 8],
      'at.text': [270, 8],
    });
    const train = {
      recipe: 'u + d(vt) + c(at)',
      heads: ['mix', 'TV'],
      batch: 50,
      hidden: 24,
      epochs: { displacement: 2, combination: 3 },
      checkpoints: { everySteps: 4 },
    };
    writeFileSync(join(dir, CONFIG), JSON.stringify({ tables: 'tables', seed: 1, train }));
  },
  args: ['train', CONFIG],
  resume: ['--resume'],
  other: ['--seed', '2'],
  results: { 'bonds/u-d-vt': readBond, 'bonds/u-d-vt-c-at': readBond },
  work: [
    'bonds/.reuse',
    'bonds/u-d-vt.training',
    'bonds/u-d-vt-c-at.training',
    'bonds/u-d-vt.composed',
    'bonds/u-d-vt-c-at.composed',
  ],
  backend: true,
};

const fuse: Job = {
  name: 'fuse',
  prepare: async (dir) => {
    cpSync(join(FIXTURES, 'latents'), join(dir, 'latents'), { recursive: true });
    const files = { image: 'latents/pixels.image.npy', text: 'latents/words.text.npy' };
    const vt = {
      modalities: files,
      rows: 'latents/splits.json:train',
      epochs: 50,
      batch: 36,
      rate: { kind: 'constant', rate: 2e-3 },
      adapter: { output: 8, blocks: 1, expansion: 2, dropout: 0.1 },
      latents: { standardise: true },
      embed: { tables: files },
      checkpoints: { everySteps: 10 },
    };
    writeFileSync(join(dir, CONFIG), JSON.stringify({ seed: 1, fuse: { vt } }));
  },
  args: ['fuse', CONFIG],
  resume: ['--resume'],
  other: ['--seed', '2'],
  results: { 'spaces/vt': readFusedSpace },
  work: ['spaces/vt.training'],
  backend: true,
};

const tune: Job = {
  name: 'tune',
  prepare: async (dir) => {
    cpSync(join(FIXTURES, 'paired'), join(dir, 'tables'), { recursive: true });
    const manifest = {
      id: 'unified-c-sound',
      kind: 'combination',
      from: { space: 'sound', dimension: 10 },
      into: { space: 'unified', dimension: 16 },
      shared: ['audio', 'text'],
      heads: ['mix'],
    } as const;
    const mix = initialise(projector({ input: 10, output: 16, hidden: 24 }), random('faults', 'bond'), 'xavier');
    await writeBond(join(dir, 'bonds', manifest.id), { manifest, networks: { mix } }, {});
    writeFileSync(join(dir, 'splits.json'), JSON.stringify({ val: Array.from({ length: 32 }, (_, i) => i) }));
  },
  args: [
    'tune',
    'unified + c(sound)',
    '--tables',
    'tables',
    '--bonds',
    'bonds',
    '--validation',
    'splits.json:val',
    '--out',
    'tuned.json',
  ],
  resume: [],
  other: ['--steps', '3', '--preset', 'other'],
  results: { 'tuned.json': async () => undefined },
  work: [],
  backend: true,
};

/** Three bonds of seven heads each, of checkpoints as `torch.save` writes them. */
const importBonds: Job = {
  name: 'import',
  prepare: async (dir) => {
    const [input, hidden, output] = [96, 256, 80];
    for (const directory of ['InternVL_IB_Proj', 'InternVL_IB_PP_G_Proj', 'InternVL_IB_PP_M_Proj']) {
      const [from, into] = directory === 'InternVL_IB_Proj' ? [input, output] : [64, output];
      for (const head of ['mix', 'A', 'T', 'V', 'AT', 'AV', 'TV']) {
        const tensor = (name: string, ...shape: readonly number[]) => {
          const count = shape.reduce((product, n) => product * n, 1);
          const { data } = normalMatrix(1, count, random('faults', directory, head, name));
          // Running variances are not negative.
          return { shape, data: name.endsWith('var') ? data.map((x) => x * x + 1) : data };
        };
        const shapes: Readonly<Record<string, readonly number[]>> = {
          '0.weight': [hidden, from],
          '0.bias': [hidden],
          '1.weight': [hidden],
          '1.bias': [hidden],
          '1.running_mean': [hidden],
          '1.running_var': [hidden],
          '3.weight': [into, hidden],
          '3.bias': [into],
          '4.weight': [into],
          '4.bias': [into],
          '4.running_mean': [into],
          '4.running_var': [into],
        };
        const tensors = Object.entries(shapes).map(
          ([name, shape]) => [`Head2.mlps.${name}`, tensor(name, ...shape)] as const,
        );
        const folder = join(dir, 'checkpoints', directory, head);
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, 'best.pt'), checkpointOf(Object.fromEntries(tensors)));
      }
    }
  },
  args: ['import', 'checkpoints', '--variant', 'internvl_ib++', '--out', 'bonds'],
  // What was whole before the kill is made again.
  resume: ['--force'],
  other: [],
  results: {
    'bonds/imagebind-to-internvl': readBond,
    'bonds/clap-general-to-internvl_ib': readBond,
    'bonds/clap-music-to-internvl_ib': readBond,
  },
  work: [],
  backend: false,
};

/** A table of 400 pictures, in 25 batches. */
const embed: Job = {
  name: 'embed',
  prepare: async (dir) => {
    mkdirSync(join(dir, 'pictures'), { recursive: true });
    for (let i = 0; i < 400; i++) {
      const data = random('faults', 'picture', i);
      const pixels = Uint8Array.from({ length: 3 * 16 * 16 }, () => data.below(256));
      const picture = sharp(pixels, { raw: { width: 16, height: 16, channels: 3 } });
      await picture.png().toFile(join(dir, 'pictures', `${String(i).padStart(3, '0')}.png`));
    }
    // ImageBind's architecture with small random weights.
    const imagebind = ['@freebind/space-imagebind', { models: join(GOLDEN, 'models'), dimension: 24 }];
    writeFileSync(join(dir, CONFIG), JSON.stringify({ plugins: [imagebind] }));
  },
  // A picture that was cut stops the run; without it, it would be skipped and listed.
  args: ['embed', 'imagebind', 'image', 'pictures', '--out', 'tables', '--strict'],
  resume: [],
  other: ['--dtype', 'f2'],
  results: Object.fromEntries(
    ['imagebind.image.npy', 'imagebind.image.json', 'image.ids.txt'].map((name) => [
      `tables/${name}`,
      async () => undefined,
    ]),
  ),
  work: ['tables/.embed'],
  backend: false,
};

/** Every long command; a new one needs an entry here and nothing else. */
export const JOBS: readonly Job[] = [train, fuse, tune, importBonds, embed];
