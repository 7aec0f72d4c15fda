import { resolve } from 'node:path';
import type { Composition } from '@freebind/core';
import type { NpyWriter, TableFolder } from '@freebind/core/files';
import type { Command } from 'commander';
import { type ComputeOptions, computeOptions, examples, forceOption } from '../options.ts';
import type { Session } from '../session.ts';
import type { TableOutput } from '../table-outputs.ts';

interface ComposeOptions extends ComputeOptions {
  readonly tables: string;
  readonly bonds: string;
  readonly out: string;
  readonly factors?: string;
  readonly modality?: readonly string[];
  readonly spaceName?: string;
  readonly force?: true;
}

/** `freebind compose`: the tables of a bound space. */
export function compose(program: Command, session: Session): void {
  const command = program
    .command('compose')
    .description('Compute the tables of a bound space from the tables of its parts.')
    .argument('<recipe>', 'what to bind: "unified + d(vision) + c(sound)", or a .json file of a recipe')
    .requiredOption('--tables <dir>', 'folder of <space>.<modality>.npy or .safetensors')
    .requiredOption('--bonds <dir>', 'folder of bonds')
    .requiredOption('--out <dir>', 'folder for the tables of the bound space')
    .option('--factors <which>', 'one factor a modality: audio=.8,text=.5; with c(…) also versatile or at-expertise')
    .option('--modality <names...>', 'only these modalities (default: all that the bound space embeds)')
    .option('--space-name <id>', "the bound space's name in file names (default: its recipe)")
    .addOption(forceOption())
    .addHelpText(
      'after',
      examples(
        'freebind compose "unified + c(sound)" --tables tables --bonds bonds --factors versatile --out bound',
        'freebind compose "u + d(vt) + c(at)" --tables tables --bonds bonds --factors audio=.9,text=.5 --out bound',
      ),
    )
    .action((text: string, options: ComposeOptions) => composeFolder(text, options, session));
  for (const option of computeOptions()) command.addOption(option);
}

async function composeFolder(text: string, options: ComposeOptions, session: Session): Promise<void> {
  const { formatRecipe, shapesOf } = await import('@freebind/core');
  const { openTables, tablePath } = await import('@freebind/core/files');
  const { withFreebind } = await import('../backend.ts');
  const { readRecipe } = await import('../recipes.ts');
  const { refuseTable } = await import('../table-outputs.ts');
  const { bonds, factors, force, out } = options;
  const parsed = await readRecipe(text);
  const tables = await openTables(options.tables);
  try {
    await withFreebind(options, session, async (freebind) => {
      const composition = await freebind.compose(parsed, {
        spaces: shapesOf(tables),
        bonds: resolve(bonds),
        ...(factors !== undefined && { factors }),
      });
      const { space } = composition.plan;
      const modalities = options.modality ?? space.modalities;
      modalities.forEach((modality) => composition.members(modality)); // refuses what the space does not embed
      const name = options.spaceName ?? space.id;
      const outputs: Output[] = [];
      for (const modality of modalities) {
        const ids = await tables.ids(modality); // which refuses those that do not fit
        const path = tablePath(out, name, modality);
        outputs.push({ out, space: name, modality, rows: tables.rows(modality), ids, path });
      }
      for (const output of outputs) await refuseTable(output, force);
      const written = await composeTo(outputs, { composition, tables, factors }, { out, session });
      session.result(
        {
          space: name,
          recipe: formatRecipe(parsed),
          factors: composition.factors(factors),
          tables: written,
          backend: (await freebind.backend()).manifest.id,
        },
        written.map(({ path, shape }) => `${path}: [${shape.join(', ')}]`).join('\n'),
      );
    });
  } finally {
    await tables.close();
  }
}

interface Output extends TableOutput {
  readonly path: string;
}

interface WrittenTable {
  readonly modality: string;
  readonly path: string;
  readonly shape: readonly number[];
}

/** What a table is composed from. */
interface Sources {
  readonly composition: Composition;
  readonly tables: TableFolder;
  readonly factors: string | undefined;
}

/** Writes a table a modality, all of them or none, while no other process writes the folder. */
async function composeTo(
  outputs: readonly Output[],
  from: Sources,
  { out, session }: { readonly out: string; readonly session: Session },
): Promise<readonly WrittenTable[]> {
  const { idsPath, lockFolder, writeFileAtomic } = await import('@freebind/core/files');
  const { forgetTable } = await import('../table-outputs.ts');
  const { composition } = from;
  const lock = await lockFolder(out);
  const written: (Output & { readonly table: NpyWriter })[] = [];
  try {
    for (const output of outputs) written.push({ ...output, table: await composeTable(output, from, session) });
    for (const { table, ...output } of written) {
      const { modality, ids } = output;
      if (ids !== undefined) await writeFileAtomic(idsPath(out, modality), `${ids.join('\n')}\n`);
      await table.commit();
      await forgetTable(output);
    }
    return written.map(({ table, modality, path }) => ({
      modality,
      path,
      shape: [table.rows, composition.plan.space.dimension],
    }));
  } finally {
    for (const { table } of written) await table.discard();
    await lock.release();
  }
}

/** Composes the table of one modality, which has no name yet. */
async function composeTable({ modality, path, rows }: Output, from: Sources, session: Session): Promise<NpyWriter> {
  const { composeTables } = await import('@freebind/core');
  const { fillTable } = await import('../rows.ts');
  const { composition, tables, factors } = from;
  const options = { signal: session.signal, ...(factors !== undefined && { factors }) };
  const to = {
    out: path,
    cols: composition.plan.space.dimension,
    rows,
    stage: `compose ${modality}`,
  };
  return fillTable(composeTables(composition, tables, modality, options), to, session);
}
