import type { Command } from 'commander';
import { type ComputeOptions, computeOptions, examples, forceOption, positive } from '../options.ts';
import type { Session } from '../session.ts';

interface AggregateOptions extends ComputeOptions {
  readonly queries: string;
  readonly keys: string;
  readonly values?: string;
  readonly temperature: number;
  readonly normalise: boolean;
  readonly unit?: true;
  readonly out: string;
  readonly force?: true;
}

/** Queries at a time: each lot reads the whole bank, and nothing can be said or stopped in between. */
const QUERIES = 2048;

/** `freebind aggregate`: pseudo pairs by attention over a memory bank. */
export function aggregate(program: Command, session: Session): void {
  const command = program
    .command('aggregate')
    .description("Average a memory bank's rows by their closeness to each query: softmax(q · kᵀ / τ) · v.")
    .requiredOption('--queries <file>', 'rows that ask: .npy or .safetensors')
    .requiredOption('--keys <file>', "the bank's rows in the queries' space")
    .option('--values <file>', 'the same items in the space to average in (default: the keys)')
    .option('--temperature <number>', 'τ, in units of cosine', positive, 0.01)
    .option('--no-normalise', 'keep the mean as it is; its rows are shorter than one')
    .option('--unit', 'divide the rows of all inputs by their length first')
    .requiredOption('--out <file>', 'table to write: .npy, float32')
    .addOption(forceOption())
    .addHelpText(
      'after',
      examples(
        'freebind aggregate --queries unified.audio.npy --keys unified.text.npy --values vision.text.npy --out z.npy',
      ),
    )
    .action((options: AggregateOptions) => aggregateTables(options, session));
  for (const option of computeOptions()) command.addOption(option);
}

async function aggregateTables(options: AggregateOptions, session: Session): Promise<void> {
  const { normaliseRows } = await import('@freebind/core');
  const { refuseOutput } = await import('../outputs.ts');
  const { checkedRows, mapTiles, writeTiles } = await import('../rows.ts');
  const { withBackend } = await import('../backend.ts');
  const { withTables } = await import('../tables.ts');
  const { out, temperature, normalise, force, unit } = options;
  await refuseOutput(out, '.npy', force);
  const paths = [options.queries, options.keys, ...(options.values === undefined ? [] : [options.values])];
  await withTables(paths, async (tables) => {
    const [queries, keys, values = keys] = tables.map((table) =>
      checkedRows(table, { unit, warn: (text) => session.note(text) }),
    );
    if (queries === undefined || keys === undefined || values === undefined) throw new Error('Tables were opened.');
    const summary = await withBackend(options, session, async (backend) => {
      const bank = await backend.openBank({ keys, values });
      try {
        const tiles = mapTiles(
          queries,
          async (rows) => {
            const mean = await bank.aggregate(rows, temperature);
            return normalise ? normaliseRows(mean) : mean;
          },
          { signal: session.signal, most: QUERIES },
        );
        await writeTiles(tiles, { out, cols: values.cols, rows: queries.rows, stage: 'aggregate' }, session);
        return { backend: backend.manifest.id, device: backend.manifest.device };
      } finally {
        await bank.close();
      }
    });
    const shape = [queries.rows, values.cols];
    session.result(
      { out, shape, bankRows: keys.rows, temperature, normalised: normalise, ...summary },
      `${out}: [${shape.join(', ')}], each row the mean of ${keys.rows} at temperature ${temperature}${normalise ? ', normalised' : ''}`,
    );
  });
}
