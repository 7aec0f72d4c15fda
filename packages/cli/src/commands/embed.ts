import type { Freebind, Modality, Space } from '@freebind/core';
import type { Embedded, EmbedEvent } from '@freebind/embed';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { InputChoice } from '../embed-inputs.ts';
import {
  encoderOptions,
  examples,
  feedOptions,
  forceOption,
  shard,
  type SpaceOptions,
  usage,
  whole,
} from '../options.ts';
import type { Session } from '../session.ts';

interface EmbedCommandOptions extends InputChoice, SpaceOptions {
  readonly out?: string;
  readonly dtype?: 'f2' | 'f4';
  readonly format?: 'npy' | 'safetensors';
  readonly strict?: true;
  readonly shard?: { readonly index: number; readonly count: number };
  readonly merge?: true;
  readonly force?: true;
}

/** What is printed one by one of inputs that were skipped; the list has all of them. */
const SHOWN = 10;

/** `freebind embed`: tables out of files. */
export function embed(program: Command, session: Session): void {
  const command = program
    .command('embed')
    .description(
      'Embed files in one or more spaces: a table a space, with ids. Started again after a kill, it goes on where it was. Files that changed since are told, and embedded again only with --force.',
    )
    .argument('<spaces>', 'ids of spaces with commas between, such as imagebind,clap-general', spaceIds)
    .argument('<modality>', 'image, audio or text', modalityOf)
    .argument('[inputs...]', 'files, addresses, folders and globs (quote these, so that no shell holds all names)')
    .option('--list <file>', 'paths and addresses, one a line, in place of inputs; - is standard input')
    .option('--lines <file>', 'texts, one a line; - is standard input')
    .option('--jsonl <file>', 'texts in a field of JSON objects, one a line; - is standard input')
    .option('--field <name>', 'the field of --jsonl that holds the text (default: text)')
    .option('--id-field <name>', 'the field of --jsonl that holds the id (default: the text is its own)')
    .option('--out <dir>', "table folder (default: the config's, else tables)")
    .option('--threads <n>', 'threads of each encoder (default: all cores)', whole(1))
    .addOption(new Option('--dtype <type>', 'numbers of the table (default: f4)').choices(['f2', 'f4']))
    .addOption(new Option('--format <format>', 'format of the table (default: npy)').choices(['npy', 'safetensors']))
    .option('--strict', 'stop at the first input that cannot be embedded, instead of skipping and listing it')
    .addOption(new Option('--shard <i/n>', 'embed only shard i of n, from 0').argParser(shard))
    .option('--merge', 'put complete shards together; refuse while something is missing')
    .addOption(forceOption())
    .addHelpText(
      'after',
      examples(
        "freebind embed imagebind audio './clips/**/*.flac' --out tables",
        'freebind embed imagebind,internvl image photos/ --dtype f2 --out tables',
        'freebind embed imagebind text --lines captions.txt --models ./imagebind --out tables',
        "find /data -name '*.wav' | freebind embed clap-general audio --list - --out tables",
        'freebind embed imagebind image --list photos.txt --shard 2/8 --out tables',
        'freebind embed imagebind image --merge --out tables',
      ),
    )
    .action(
      (spaces: readonly string[], modality: Modality, inputs: readonly string[], options: EmbedCommandOptions) => {
        const sources = [options.list, options.lines, options.jsonl].filter((source) => source !== undefined).length;
        if (options.merge === true && (options.shard !== undefined || sources > 0 || inputs.length > 0))
          usage(command, '--merge puts shards together that were made before; it takes neither inputs nor --shard.');
        if (options.merge !== true && sources + (inputs.length > 0 ? 1 : 0) !== 1)
          usage(command, 'give inputs, or one of --list, --lines and --jsonl.');
        return embedInputs(spaces, modality, inputs, options, session);
      },
    );
  for (const option of [...encoderOptions(), ...feedOptions()]) command.addOption(option);
}

async function embedInputs(
  ids: readonly string[],
  modality: Modality,
  paths: readonly string[],
  options: EmbedCommandOptions,
  session: Session,
): Promise<void> {
  const { findConfig } = await import('@freebind/core/config');
  const { embedFiles, mergeShards, skippedPath } = await import('@freebind/embed');
  const { withSpaces } = await import('../backend.ts');
  const { openInputs } = await import('../embed-inputs.ts');
  const { shard, dtype, format, batch, workers, strict, force, merge } = options;
  const config = await findConfig();
  const out = options.out ?? config?.tables ?? 'tables';
  const common = {
    modality,
    out,
    replace: force === true,
    signal: session.signal,
    ...(format !== undefined && { format }),
  };
  const tell = (embedded: Embedded): void => {
    const { tables, rows, skipped, reused } = embedded;
    const list = skipped === 0 || tables.length === 0 ? undefined : skippedPath(out, modality);
    const document = {
      type: 'result',
      modality,
      tables,
      rows,
      skipped,
      reused,
      ...(list && { list }),
      ...(shard && { shard }),
    };
    const lines = tables.map(
      ({ path, shape }) => `${path}: [${shape.join(', ')}]${reused ? ', was there already' : ''}`,
    );
    if (shard !== undefined && tables.length === 0)
      lines.push(`shard ${shard.index} of ${shard.count}: ${rows} rows, to be merged`);
    if (skipped > 0) lines.push(`${skipped} inputs have no row${list === undefined ? '' : `: ${list}`}`);
    session.result(document, lines.join('\n'));
  };
  if (merge === true) return tell(await follow(mergeShards({ ...common, spaces: ids }), session));
  const inputs = await openInputs(paths, options, modality);
  try {
    const use = async (freebind: Freebind): Promise<void> => {
      const spaces: Space[] = [];
      for (const id of ids) spaces.push(await freebind.space(id));
      const events = embedFiles({
        ...common,
        spaces,
        items: inputs.items,
        strict: strict === true,
        ...(dtype !== undefined && { dtype }),
        ...(batch !== undefined && { batch }),
        ...(workers !== undefined && { workers }),
        ...(shard !== undefined && { shard }),
      });
      tell(await follow(events, session));
    };
    await withSpaces(ids, {}, session, use, options);
  } finally {
    await inputs.close();
  }
}

/** Runs to the end and tells what the run says: a bar for people, one line an event with `--json`. */
async function follow(events: AsyncGenerator<EmbedEvent, Embedded, undefined>, session: Session): Promise<Embedded> {
  const progress = await session.progress();
  let shown = 0;
  try {
    for (;;) {
      const { done, value } = await events.next();
      if (done === true) return value;
      session.line(value);
      if (value.type === 'rows') {
        const remark = value.skipped > 0 ? `${value.skipped} skipped` : '';
        progress.update({ ...value, rate: value.rowsPerSecond, left: value.etaSeconds, remark });
      } else if (value.type === 'stage' && value.done > 0) {
        session.note(`${value.stage}: goes on at ${value.done} of ${value.total}`);
      } else if (value.type === 'warning') {
        session.note(`${value.stage}: ${value.message}`);
      } else if (value.type === 'skipped' && shown++ < SHOWN) {
        session.note(`skipped ${value.id}: ${value.message}${shown === SHOWN ? ' (more are not shown)' : ''}`);
      }
    }
  } catch (error) {
    progress.stop();
    if (session.signal.aborted) session.note('What was done is kept. The same command goes on with it.');
    throw error;
  } finally {
    progress.stop();
  }
}

function spaceIds(text: string): readonly string[] {
  const ids = text.split(',').map((id) => id.trim());
  if (ids.every((id) => id !== '')) return ids;
  throw new InvalidArgumentError('Expected ids of spaces with commas between.');
}

function modalityOf(text: string): Modality {
  if (text === 'image' || text === 'audio' || text === 'text') return text;
  throw new InvalidArgumentError('Expected image, audio or text.');
}
