import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freebind } from '@freebind/core';
import { embedFiles, filesOf } from '@freebind/embed';
import imagebind from '@freebind/space-imagebind';
import type { ItemTask } from '../task.ts';
import { readList, writePictures } from './preprocess-files.ts';

/** ImageBind's architecture with small random weights, so that what lies before the graph is most of the work. */
const MODELS = fileURLToPath(new URL('../../fixtures/golden/models', import.meta.url));
const WIDTH = 24;

/** `freebind embed imagebind image` over a folder of small pictures: listing, reading, preparing, the graph, the table. */
function embedding(count: number): ItemTask<{ readonly count: number }> {
  return {
    name: `embed/${count}`,
    sizes: [{ count }, { count: 100 }],
    items: (size) => size.count,
    describe: (size) => `embedding of ${size.count} JPEGs of 64 × 48, from files to a table`,
    async prepare(size, folder) {
      const pictures = join(folder, `pictures-${size.count}`);
      await mkdir(pictures, { recursive: true });
      const list = await writePictures(folder, { count: 24, width: 64, height: 48 });
      const bytes = await Promise.all((await readList(list)).map((path) => readFile(path)));
      for (let i = 0; i < size.count; i++)
        await writeFile(join(pictures, `${String(i).padStart(6, '0')}.jpg`), bytes[i % bytes.length] ?? '');
      return { pictures, folder };
    },
    async open(_, { threads, files }) {
      const fb = await freebind({ plugins: [imagebind({ models: MODELS, dimension: WIDTH, workers: threads })] });
      const spaces = [await fb.space('imagebind')];
      return {
        run: async () => {
          const out = await mkdtemp(join(files['folder'] ?? '', 'tables-'));
          const items = filesOf([files['pictures'] ?? ''], 'image');
          for await (const event of embedFiles({ spaces, modality: 'image', items, out }))
            if (event.type === 'skipped') throw new Error(`${event.id} was skipped: ${event.message}`);
          await rm(out, { recursive: true });
        },
        close: () => fb.close(),
      };
    },
  };
}

export const embed = embedding(10_000);
/** A tenth, for the memory: it must be the same. */
export const embedFew = embedding(1000);
