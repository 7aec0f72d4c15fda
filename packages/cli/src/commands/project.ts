import type { Backend, Matrix, Table } from '@freebind/core';
import type { Command } from 'commander';
import { type ComputeOptions, computeOptions, examples, forceOption, usage } from '../options.ts';
import type { Session } from '../session.ts';

interface ProjectOptions extends ComputeOptions {
  readonly bond?: string;
  readonly head?: string;
  readonly space?: string;
  readonly modality?: string;
  readonly unit?: true;
  readonly in: string;
  readonly out: string;
  readonly force?: true;
}

/** `freebind project`: rows of one space through a bond, or latents of an encoder through a fused space's adapter. */
export function project(program: Command, session: Session): void {
  const command = program
    .command('project')
    .description('Carry a table through a bond, or embed latents with a fused space; unit rows come out.')
    .option('--bond <dir>', 'bond that carries the rows')
    .option('--head <name>', "one head of the bond's mixture instead of the mean of all")
    .option('--space <dir>', 'fused space that embeds the rows (with --modality)')
    .option('--modality <name>', 'which modality of the fused space the rows are')
    .requiredOption('--in <file>', 'table of rows: .npy or .safetensors')
    .option('--unit', "divide a space's rows by their length first")
    .requiredOption('--out <file>', 'table to write: .npy, float32')
    .addOption(forceOption())
    .addHelpText(
      'after',
      examples(
        'freebind project --bond bonds/sound-to-unified --in sound.audio.npy --out unified.audio.npy',
        'freebind project --space spaces/vt --modality image --in pixels.npy --out tables/vt.image.npy',
      ),
    )
    .action(async (options: ProjectOptions) => {
      const { bond, space, modality, head } = options;
      if (bond !== undefined && space === undefined && modality === undefined) {
        await throughBond(bond, options, session);
      } else if (bond === undefined && space !== undefined && modality !== undefined && head === undefined) {
        await throughAdapter(space, modality, options, session);
      } else usage(command, 'give either --bond (and --head), or --space and --modality');
    });
  for (const option of computeOptions()) command.addOption(option);
}

async function throughBond(dir: string, options: ProjectOptions, session: Session): Promise<void> {
  const { FreebindError, normaliseRows } = await import('@freebind/core');
  const { readBond } = await import('@freebind/core/files');
  const { checkedRows, mapTiles } = await import('../rows.ts');
  const { manifest, networks } = (await readBond(dir)).bond;
  const { id, from, into } = manifest;
  const heads = options.head === undefined ? manifest.heads : [options.head];
  const mixture = heads.flatMap((head) => networks[head] ?? []);
  if (mixture.length === 0) {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `Bond "${id}" has no head "${options.head}"; its heads are ${manifest.heads.join(', ')}.`,
    );
  }
  await projectTable(options, session, { bond: id, heads, from: from.space, into: into.space }, (table) => {
    if (table.cols !== from.dimension) {
      throw new FreebindError(
        'FREEBIND_SPACE_MISMATCH',
        `${options.in} has ${table.cols} columns, but bond "${id}" reads rows of "${from.space}", which have ${from.dimension}. Give a table of that space.`,
      );
    }
    return {
      cols: into.dimension,
      tiles: async function* carry(backend) {
        const runner = await backend.openProjector(mixture);
        const map = async (rows: Matrix): Promise<Matrix> => normaliseRows(await runner.project(rows));
        try {
          yield* mapTiles(checkedRows(table, { unit: options.unit, warn: (text) => session.note(text) }), map, session);
        } finally {
          await runner.close();
        }
      },
    };
  });
}

async function throughAdapter(dir: string, modality: string, options: ProjectOptions, session: Session): Promise<void> {
  const { readFusedSpace } = await import('@freebind/core/files');
  const { embedTable } = await import('@freebind/core/training');
  const { checkedRows } = await import('../rows.ts');
  const { space } = await readFusedSpace(dir);
  const { id, dimension } = space.manifest;
  await projectTable(options, session, { modality, into: id }, (table) => ({
    cols: dimension,
    tiles: (backend) => embedTable(space, modality, checkedRows(table), { backend, signal: session.signal }),
  }));
}

/** Opens the input, sends it through what `prepare` gives for it, and says what came out. */
async function projectTable(
  options: ProjectOptions,
  session: Session,
  facts: Readonly<Record<string, unknown>> & { readonly into: string },
  prepare: (table: Table) => {
    readonly cols: number;
    readonly tiles: (backend: Backend) => AsyncIterable<Matrix>;
  },
): Promise<void> {
  const { withBackend } = await import('../backend.ts');
  const { refuseOutput } = await import('../outputs.ts');
  const { writeTiles } = await import('../rows.ts');
  const { withTables } = await import('../tables.ts');
  const { out, force } = options;
  await refuseOutput(out, '.npy', force);
  await withTables([options.in], async ([table]) => {
    if (table === undefined) throw new Error('A table was opened.');
    const { cols, tiles } = prepare(table);
    const where = await withBackend(options, session, async (backend) => {
      await writeTiles(tiles(backend), { out, cols, rows: table.rows, stage: 'project' }, session);
      return { backend: backend.manifest.id, device: backend.manifest.device };
    });
    const shape = [table.rows, cols];
    session.result({ out, shape, ...facts, ...where }, `${out}: [${shape.join(', ')}], rows of "${facts.into}"`);
  });
}
