import { FreebindError, isFreebindError, recipe, type Table, type Tables } from '@freebind/core';
import type { LoadedConfig } from '@freebind/core/config';
import { openTables } from '@freebind/core/files';
import {
  BOND_TRAINING,
  FUSE_TRAINING,
  fuseStages,
  shapeOnly,
  type Stage,
  trainingStages,
} from '@freebind/core/training';
import { openFuseJob, rowsByModality, spacesToFuse, trainSettings } from './jobs.ts';

/** Shapes by space and modality. */
type Shapes = Record<string, Record<string, { readonly rows: number; readonly cols: number }>>;

/**
 * The stages of a config's `fuse` and `train`. Tables that fusing will write need not be there yet.
 *
 * @throws FREEBIND_CONFIG_INVALID when it has neither, and what its tables and recipe refuse
 */
export async function configStages(config: LoadedConfig): Promise<readonly Stage[]> {
  if (config.fuse === undefined && config.train === undefined) {
    throw new FreebindError(
      'FREEBIND_CONFIG_INVALID',
      `${config.file} has neither "fuse" nor "train", so there is nothing to plan. Add one of them; docs/config.md shows both.`,
    );
  }
  const shapes: Shapes = {};
  const stages: Stage[] = [];
  for (const name of config.fuse === undefined ? [] : spacesToFuse(config, undefined))
    stages.push(...(await spaceStages(config, name, shapes)));
  if (config.train === undefined) return stages;
  const { recipe: parsed, training, train } = trainSettings(config, {});
  await addTables(config, shapes);
  const chosen = await rowsByModality(train.rows, tablesOf(shapes), config.folder);
  for (const modalities of Object.values(shapes)) {
    for (const [modality, rows] of Object.entries(chosen ?? {})) {
      const shape = modalities[modality];
      if (shape !== undefined) modalities[modality] = { ...shape, rows: rows.length };
    }
  }
  return [...stages, ...trainingStages({ recipe: parsed, tables: tablesOf(shapes), training })];
}

/** The sizes of FreeBind (section 4.1: 2.33 M texts, 1.3 M images, 2 M clips) and of FuseMix (5 M pairs: 1/80 of CLIP's 400 M, abstract). */
export function paperStages(): readonly Stage[] {
  const [text, image, audio] = [2_330_000, 1_300_000, 2_000_000];
  const clap = { audio: { rows: audio, cols: 512 }, text: { rows: text, cols: 512 } };
  const shapes: Shapes = {
    imagebind: {
      audio: { rows: audio, cols: 1024 },
      image: { rows: image, cols: 1024 },
      text: { rows: text, cols: 1024 },
    },
    internvl: { image: { rows: image, cols: 768 }, text: { rows: text, cols: 768 } },
    'clap-general': clap,
    'clap-music': clap,
  };
  const source = 'imagebind + d(internvl) + c(clap-general, clap-music)';
  const pairs = 5_000_000;
  return [
    ...trainingStages({ recipe: recipe(source), tables: tablesOf(shapes), training: BOND_TRAINING }),
    // DINOv2 and BGE, whose latents have 1536 and 1024 columns (FuseMix, section 5.1).
    ...fuseStages({
      name: 'fusemix',
      modalities: { image: { rows: pairs, cols: 1536, views: 1 }, text: { rows: pairs, cols: 1024, views: 1 } },
      items: pairs,
      training: FUSE_TRAINING,
    }),
  ];
}

async function spaceStages(config: LoadedConfig, name: string, shapes: Shapes): Promise<readonly Stage[]> {
  const job = await openFuseJob(config, name, {});
  try {
    const { modalities, rows, training } = job.options;
    const views = Object.entries(modalities).map(([modality, given]) => {
      const [first, ...others] = [given].flat();
      return [modality, { rows: first?.rows ?? 0, cols: first?.cols ?? 0, views: 1 + others.length }] as const;
    });
    for (const { modality, input } of job.embed)
      (shapes[name] ??= {})[modality] = { rows: input.rows, cols: training.adapter.output };
    const items = training.subset?.size ?? rows?.length ?? views[0]?.[1].rows ?? 0;
    const embed = job.embed.map(({ modality, input }) => ({ modality, rows: input.rows }));
    return fuseStages({ name, modalities: Object.fromEntries(views), items, training, embed });
  } finally {
    await job.close();
  }
}

/** The shapes of the tables that are there. */
async function addTables(config: LoadedConfig, shapes: Shapes): Promise<void> {
  if (config.tables === undefined) return;
  const planned = Object.keys(shapes).length > 0;
  const folder = await openTables(config.tables).catch((error: unknown) => {
    if (planned && isFreebindError(error, 'FREEBIND_FILE_MISSING')) return undefined;
    throw error;
  });
  try {
    for (const space of folder?.spaces ?? []) {
      for (const modality of folder?.modalities(space) ?? []) {
        const { rows = 0, cols = 0 } = folder?.table(space, modality) ?? {};
        (shapes[space] ??= {})[modality] ??= { rows, cols };
      }
    }
  } finally {
    await folder?.close();
  }
}

function tablesOf(shapes: Shapes): Tables {
  const modalities = (space: string): readonly string[] => Object.keys(shapes[space] ?? {});
  return {
    spaces: Object.keys(shapes),
    modalities,
    table: (space, modality): Table => {
      const { rows = 0, cols = 0 } = shapes[space]?.[modality] ?? {};
      return shapeOnly(rows, cols, `${space}.${modality}`);
    },
  };
}
