import { stat } from 'node:fs/promises';
import { FreebindError, isFreebindError, type Modality } from '@freebind/core';
import type { Item, Items } from './items.ts';
import { linesOf } from './lines.ts';
import { expandBraces, filesInFolder, isGlob, matchingFiles, withoutPlainBraces } from './walk.ts';

/** Endings of the files that a folder is asked for, by modality: the formats that are decoded. What a file is decides its content. */
const ENDINGS: Readonly<Record<Modality, readonly string[]>> = {
  image: ['jpg', 'jpeg', 'png', 'webp', 'avif', 'gif', 'tif', 'tiff'],
  audio: ['wav', 'flac', 'mp3', 'ogg', 'oga', 'opus', 'm4a', 'mp4'],
  text: ['txt'],
};

/**
 * Files by paths, addresses, globs and folders (all files of the modality below them), in the order given; each glob and folder
 * in the order of its names. A path that is not there is an item all the same, which embedding then skips or refuses; so is a
 * folder that is named like a file, as the `*.jpg` of a shell may name one (with a `/` behind it, it is walked). A file that
 * is named twice is two items. Ids are the paths.
 *
 * Walking throws FREEBIND_FILE_MISSING when a folder, or a glob with `*`, `?` or `{` in it, has no such file.
 */
export function filesOf(paths: readonly string[], modality: Modality): Items {
  const endings = new RegExp(`\\.(${ENDINGS[modality].join('|')})$`, 'i');
  return async function* files() {
    for (const path of paths) {
      const stats = /^https?:\/\//i.test(path) ? undefined : await stat(path).catch(() => undefined);
      if (stats?.isDirectory() === true && !endings.test(path))
        yield* named(filesInFolder(path.replace(/\/+$/, '') || '/', ENDINGS[modality]));
      else if (stats === undefined && isGlob(path) && !/^https?:\/\//i.test(path)) {
        const patterns = expandBraces(path);
        yield* patterns.length > 1 ? filesOf(patterns, modality)() : named(matchesOrName(path));
      } else yield { id: path, path };
    }
  };
}

/** What matches a pattern; or, where nothing does and brackets are all that makes it one, the path itself, as of a file that is not there. */
async function* matchesOrName(pattern: string): AsyncGenerator<string, void, undefined> {
  let found = false;
  try {
    for await (const path of matchingFiles(pattern)) {
      found = true;
      yield path;
    }
  } catch (error) {
    if (found || /[*?{]/.test(withoutPlainBraces(pattern)) || !isFreebindError(error, 'FREEBIND_FILE_MISSING'))
      throw error;
    yield pattern;
  }
}

/** Paths and addresses that a text file lists, one a line; empty lines are passed over. Ids are the lines. Walking throws what reading the list does. */
export function listedIn(file: string): Items {
  return async function* listed() {
    for await (const path of linesOf(file)) if (path !== '') yield { id: path, path };
  };
}

/**
 * Texts that a file holds, one a line, empty ones included: row i is line i. Ids are the texts, with carriage returns in them as
 * spaces. Walking throws what reading the file does.
 */
export function textsOf(file: string): Items {
  return async function* texts() {
    for await (const text of linesOf(file)) yield { id: idOf(text), text };
  };
}

/** The fields of a JSON Lines file that are texts and their ids: strings, or whole numbers below 2^53, by their value (1.0 is 1). */
export interface FieldChoice {
  readonly text: string;
  /** Default: the texts, with their line breaks as spaces. */
  readonly id?: string;
}

/**
 * Texts in a field of a JSON Lines file, one object a line. A line that has none is an item all the same, with the number of the
 * line as its id, which embedding then skips or refuses. The first one is not: its field's name is taken for a slip.
 *
 * Walking throws FREEBIND_FILE_INVALID naming a first line that has no such field.
 */
export function fieldOf(file: string, choice: FieldChoice): Items {
  return async function* fields() {
    let number = 0;
    let first = true;
    for await (const line of linesOf(file)) {
      number++;
      if (line.trim() === '') continue;
      const item = itemOf(line, number, file, choice);
      if (first && item.error !== undefined) throw item.error;
      first = false;
      yield item;
    }
  };
}

function itemOf(line: string, number: number, file: string, { text: field, id: idField }: FieldChoice): Item {
  const place = `${file}:${number}`;
  try {
    const record = parse(line, place);
    const text = stringAt(record, field, place);
    return { id: idOf(idField === undefined ? text : stringAt(record, idField, place)), text };
  } catch (error) {
    if (isFreebindError(error)) return { id: `line ${number}`, error };
    throw error;
  }
}

/** The id of a text: ids stand one a line. */
export function idOf(text: string): string {
  return text.replaceAll(/[\r\n]+/g, ' ');
}

async function* named(paths: AsyncIterable<string>): AsyncGenerator<Item, void, undefined> {
  for await (const path of paths) yield { id: path, path };
}

function parse(line: string, place: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new FreebindError('FREEBIND_FILE_INVALID', `${place} is not JSON; expected one object a line.`, { cause });
  }
}

function stringAt(record: unknown, field: string, place: string): string {
  const fields = typeof record === 'object' && record !== null ? Object.entries(record) : [];
  const [, value] = fields.find(([name]) => name === field) ?? [];
  if (typeof value === 'string') return value;
  // A whole number is taken by its value: 1.0, 1e3 and -0 are 1, 1000 and 0. A large one has lost digits here, and a fraction its writing.
  if (Number.isSafeInteger(value)) return String(value);
  if (typeof value === 'number')
    throw new FreebindError(
      'FREEBIND_FILE_INVALID',
      `${place} has a number as "${field}" that is not kept as it is written (${value}). Write it as a string, in quotes.`,
    );
  throw new FreebindError(
    'FREEBIND_FILE_INVALID',
    `${place} has no text "${field}"; its fields are ${fields.map(([name]) => name).join(', ') || 'none'}.`,
  );
}
