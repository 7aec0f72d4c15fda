import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Backend, random, selectRows, stackTables, type Table } from '@freebind/core';
import {
  createNpy,
  type FusedSpaceData,
  idsPath,
  tablePath,
  writeFileAtomic,
  writeFolderAtomic,
} from '@freebind/core/files';
import { embedTable, fuse, type Fused, type TrainingEvent } from '@freebind/core/training';
import type { Modality } from './result.ts';
import { fuseTraining } from './settings.ts';
import { MODALITIES, type Starter } from './starter.ts';

/** Fuses a space from training views of some concepts; several views of a modality are shown in turn. */
export function fuseSpace(options: {
  readonly name: string;
  readonly modalities: readonly Modality[];
  readonly rows: Int32Array;
  readonly steps: number;
  readonly seed: number;
  readonly starter: Starter;
  readonly backend: Backend;
  readonly out: string;
  readonly signal: AbortSignal | undefined;
}): AsyncGenerator<TrainingEvent, Fused, undefined> {
  const { name, modalities, rows, steps, seed, starter, backend, out, signal } = options;
  return fuse({
    name,
    modalities: Object.fromEntries(
      modalities.map((modality) => [modality, starter.training[modality].map((view) => starter.table(view, modality))]),
    ),
    rows,
    backend,
    out,
    training: fuseTraining(steps, rows.length, seed),
    source: { checkpoint: 'trained by freebind quickstart', license: 'see the CARD of @freebind/starter' },
    ...(signal !== undefined && { signal }),
  });
}

/** Rows of one modality before a space embeds them, with an id each. */
export interface Media {
  readonly table: Table;
  readonly ids: readonly string[];
}

/** One drawing, one recording or one text of the pool. */
export interface PoolItem {
  readonly view: string;
  readonly concept: number;
}

/**
 * The unpaired pool of one modality: every training view of the `seen` concepts, shuffled by a seed of its own, so that no
 * row number means the same in two modalities.
 */
export function poolItems(starter: Starter, modality: Modality, seen: Int32Array, seed: number): readonly PoolItem[] {
  const items = starter.training[modality].flatMap((view) => Array.from(seen, (concept) => ({ view, concept })));
  return Array.from(random(seed, 'pool', modality).permutation(items.length), (i) => items[i]).filter(
    (item) => item !== undefined,
  );
}

/** The pool's media; ids are `noto/1F600`. */
export function poolMedia(starter: Starter, modality: Modality, items: readonly PoolItem[]): Media {
  const views = starter.training[modality];
  const rows = items.map(({ view, concept }) => views.indexOf(view) * starter.concepts.length + concept);
  return {
    table: selectRows(stackTables(views.map((view) => starter.table(view, modality))), Int32Array.from(rows)),
    ids: items.map(({ view, concept }) => `${view}/${starter.concepts[concept]?.id}`),
  };
}

/** The evaluation media of some concepts, row i being the same concept in every modality; ids are `1F600`. */
export function evaluationMedia(starter: Starter, modality: Modality, concepts: readonly number[]): Media {
  return {
    table: selectRows(starter.table(starter.evaluation[modality], modality), Int32Array.from(concepts)),
    ids: concepts.map((concept) => starter.concepts[concept]?.id ?? ''),
  };
}

/**
 * Writes a folder of tables, `SPACE.MODALITY.npy` and `MODALITY.ids.txt`, which `freebind train`, `compose` and `eval` take as
 * they take anybody's: all of it, or nothing. One that is there already is kept. True when it was.
 */
export async function writeTables(
  dir: string,
  media: Readonly<Record<Modality, Media>>,
  spaces: readonly FusedSpaceData[],
  options: { readonly backend: Backend; readonly signal?: AbortSignal },
): Promise<boolean> {
  if ((await readdir(dir).catch(() => [])).length > 0) return true;
  await writeFolderAtomic(dir, async (aside) => {
    for (const modality of MODALITIES) {
      const { table, ids } = media[modality];
      await writeFileAtomic(idsPath(aside, modality), `${ids.join('\n')}\n`);
      for (const space of spaces.filter(({ manifest }) => manifest.modalities.includes(modality))) {
        const { id, dimension } = space.manifest;
        const writer = await createNpy(tablePath(aside, id, modality), { cols: dimension });
        try {
          for await (const rows of embedTable(space, modality, table, options)) await writer.append(rows);
          await writer.commit();
        } finally {
          await writer.discard();
        }
      }
    }
  });
  return false;
}

/** Folders of a quickstart. */
export function foldersOf(out: string): {
  readonly spaces: string;
  readonly tables: string;
  readonly bonds: string;
} {
  return { spaces: join(out, 'spaces'), tables: join(out, 'tables'), bonds: join(out, 'bonds') };
}
