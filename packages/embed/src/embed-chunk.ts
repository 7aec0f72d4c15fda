import { FreebindError, isFreebindError, type Modality, type ModalityInputs, type Space } from '@freebind/core';
import { encodeReals, type NumberFormat } from '@freebind/core/files';
import { eachRow } from './each-row.ts';
import type { Skipped } from './events.ts';
import { FATAL } from './fatal.ts';
import type { Item } from './items.ts';
import { mapAhead } from './map-ahead.ts';
import type { Chunk } from './part.ts';
import type { ItemReader } from './read-item.ts';

/** How chunks are embedded. */
export interface ChunkOptions {
  readonly spaces: readonly Space[];
  readonly modality: Modality;
  readonly reader: ItemReader<Modality>;
  readonly format: Exclude<NumberFormat, 'BF16'>;
  /** Files that are read at a time. */
  readonly workers: number;
  /** Why an input was skipped in a run before whose rows this one's must stay aligned with; undefined where it has a row. */
  readonly known: (id: string) => Skipped | undefined;
  readonly signal: AbortSignal;
}

/** A chunk for the part: a piece of rows for each space, then of ids and of skipped inputs as JSON lines; and the latter as data. */
export interface EmbeddedChunk {
  readonly chunk: Chunk;
  readonly skipped: readonly Skipped[];
}

/**
 * What is read ahead of the spaces in one chunk. The inputs of a chunk are embedded in groups that end where their bytes pass
 * this, so an hour of sound does not wait in memory for fifteen more; which inputs meet in a batch is then still decided by the
 * inputs alone, and a graph's last bits with it.
 */
const GROUP_BYTES = 64 * 2 ** 20;

type Outcome = { readonly rows: readonly Float32Array[] } | { readonly skipped: Skipped };
type Loaded = { readonly input: ModalityInputs[Modality]; readonly bytes: number } | { readonly skipped: Skipped };

/** Embeds some items in every space, in one pass over their files. An item that one space refuses has a row in none. @throws what is no single input's fault */
export async function embedChunk(items: readonly Item[], options: ChunkOptions): Promise<EmbeddedChunk> {
  const outcomes: Outcome[] = [];
  for await (const group of groupsOf(items, options)) outcomes.push(...(await embedGroup(group, options)));
  const ids: string[] = [];
  const skipped: Skipped[] = [];
  const rows = options.spaces.map((): Float32Array[] => []);
  outcomes.forEach((outcome, i) => {
    if ('skipped' in outcome) return void skipped.push(outcome.skipped);
    ids.push(items[i]?.id ?? '');
    outcome.rows.forEach((row, s) => rows[s]?.push(row));
  });
  const columns = rows.map((own, s) => {
    const cols = options.spaces[s]?.manifest.dimension ?? 0;
    const numbers = new Float32Array(own.length * cols);
    own.forEach((row, r) => numbers.set(row, r * cols));
    return encodeReals(options.format, numbers);
  });
  const text = [lines(ids), lines(skipped.map((one) => JSON.stringify(one)))];
  const chunk = { items: items.length, rows: ids.length, skipped: skipped.length, pieces: [...columns, ...text] };
  return { chunk, skipped };
}

async function* groupsOf(
  items: readonly Item[],
  options: ChunkOptions,
): AsyncGenerator<readonly { readonly item: Item; readonly loaded: Loaded }[], void, undefined> {
  let group: { readonly item: Item; readonly loaded: Loaded }[] = [];
  let bytes = 0;
  const load = async (item: Item) => ({ item, loaded: await loadItem(item, options) });
  for await (const one of mapAhead(items, options.workers, load)) {
    group.push(one);
    bytes += 'bytes' in one.loaded ? one.loaded.bytes : 0;
    if (bytes < GROUP_BYTES) continue;
    yield group;
    [group, bytes] = [[], 0];
  }
  if (group.length > 0) yield group;
}

async function loadItem(item: Item, { reader, known, signal }: ChunkOptions): Promise<Loaded> {
  const before = known(item.id);
  if (before !== undefined) return { skipped: before };
  try {
    if (item.error !== undefined) throw item.error;
    if (/[\r\n]/.test(item.id))
      throw new FreebindError(
        'FREEBIND_ARGUMENT_INVALID',
        'Its name has a line break in it, but ids stand one a line. Rename the file, or give it another id in a program.',
      );
    return await reader.read(item, signal);
  } catch (error) {
    if (!isFreebindError(error) || FATAL.has(error.code)) throw error;
    return { skipped: { id: item.id, code: error.code, message: error.message } };
  }
}

async function embedGroup(
  group: readonly { readonly item: Item; readonly loaded: Loaded }[],
  { spaces, modality, signal }: ChunkOptions,
): Promise<readonly Outcome[]> {
  const inputs = group.flatMap(({ loaded }) => ('input' in loaded ? [loaded.input] : []));
  // Several spaces read the same inputs; of one they are its own.
  const options = { signal, moved: spaces.length === 1 };
  const bySpace = await Promise.all(
    spaces.map(async (space) => ({ space, each: await eachRow(space, modality, inputs, options) })),
  );
  let i = -1;
  return group.map(({ item, loaded }): Outcome => {
    if ('skipped' in loaded) return loaded;
    i++;
    const rows: Float32Array[] = [];
    for (const { space, each } of bySpace) {
      const { row, error } = each[i] ?? {};
      if (row !== undefined) rows.push(row);
      else if (error !== undefined)
        return { skipped: { id: item.id, code: error.code, message: error.message, space: space.manifest.id } };
    }
    return { rows };
  });
}

function lines(all: readonly string[]): Uint8Array {
  return new TextEncoder().encode(all.map((line) => `${line}\n`).join(''));
}
