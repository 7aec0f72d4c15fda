import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { FreebindError, type Modality } from '@freebind/core';
import { decodeUtf8 } from '@freebind/core/files';

/** Endings of media files, in the order in which a file of the same name is preferred. */
const ENDINGS: Readonly<Record<Exclude<Modality, 'text'>, readonly string[]>> = {
  audio: ['.wav', '.flac', '.mp3', '.ogg', '.opus', '.m4a'],
  image: ['.jpg', '.jpeg', '.png', '.webp', '.avif', '.gif'],
};

/** Ids that a message lists before it only counts. */
const LISTED = 10;

/** A folder with a copy of a data set. `layout` says what belongs where in it, for messages. */
export class LocalCopy {
  readonly root: string;
  readonly #title: string;
  readonly #layout: string;

  constructor(root: string, title: string, layout: string) {
    this.root = root;
    this.#title = title;
    this.#layout = layout;
  }

  /** Path of the first of `names` that is there. @throws FREEBIND_FILE_MISSING */
  async annotations(...names: readonly string[]): Promise<string> {
    for (const name of names) if (await isFile(join(this.root, name))) return join(this.root, name);
    throw new FreebindError(
      'FREEBIND_FILE_MISSING',
      `${this.root} has no annotations of ${this.#title}: there is no ${names.join(' and no ')}. ${this.#where}`,
    );
  }

  /** Whether a file is there. */
  has(name: string): Promise<boolean> {
    return isFile(join(this.root, name));
  }

  /** The media files in those of `folders` that are there, by name. @throws FREEBIND_FILE_MISSING when none of the folders is */
  async media(modality: Exclude<Modality, 'text'>, ...folders: readonly string[]): Promise<MediaIndex> {
    const index = new MediaIndex(modality);
    let found = false;
    for (const folder of folders) {
      const names = await namesIn(join(this.root, folder));
      if (names === undefined) continue;
      found = true;
      for (const name of names) index.add(name, join(this.root, folder, name));
    }
    if (found) return index;
    throw new FreebindError(
      'FREEBIND_FILE_MISSING',
      `${this.root} has no folder of ${modality} files of ${this.#title}: there is no ${folders.join(' and no ')}. ${this.#where}`,
    );
  }

  /** Refuses a copy in which nothing that the annotations name is there. @throws FREEBIND_FILE_MISSING */
  refuseEmpty(found: number, missing: readonly string[]): void {
    if (found > 0) return;
    throw new FreebindError(
      'FREEBIND_FILE_MISSING',
      `None of the ${missing.length} files that the annotations of ${this.#title} name is in ${this.root}: ${listed(missing)}. ${this.#where}`,
    );
  }

  /** That annotations are not what they should be. */
  wrong(path: string, what: string): FreebindError {
    return new FreebindError(
      'FREEBIND_FILE_INVALID',
      `${path} is no annotation file of ${this.#title}: ${what} ${this.#where}`,
    );
  }

  get #where(): string {
    return `What belongs where: ${this.#layout}`;
  }
}

/** Media files by their names, with and without their endings, whether a name's accents are composed or not (macOS takes them apart). */
export class MediaIndex {
  readonly #endings: readonly string[];
  readonly #names = new Map<string, string>();
  readonly #stems = new Map<string, string>();

  constructor(modality: Exclude<Modality, 'text'>) {
    this.#endings = ENDINGS[modality];
  }

  add(given: string, path: string): void {
    const name = given.normalize();
    const ending = extname(name).toLowerCase();
    const rank = this.#endings.indexOf(ending);
    if (rank < 0) return;
    if (!this.#names.has(name)) this.#names.set(name, path);
    const stem = name.slice(0, name.length - ending.length);
    const other = this.#stems.get(stem);
    if (other === undefined || rank < this.#endings.indexOf(extname(other).toLowerCase())) this.#stems.set(stem, path);
  }

  /** Path of the first of `names` that is there, each a file name or one without its ending. */
  find(...names: readonly string[]): string | undefined {
    for (const name of names.map((given) => given.normalize())) {
      const path = this.#names.get(name) ?? this.#stems.get(name) ?? this.#stems.get(stemOf(name));
      if (path !== undefined) return path;
    }
    return undefined;
  }
}

/** What is in a folder, by name; undefined where there is none. Hidden files are none of a data set: macOS puts `._NAME` beside each NAME. */
export async function namesIn(folder: string): Promise<readonly string[] | undefined> {
  const names = await readdir(folder).catch(() => undefined);
  return names?.filter((name) => !name.startsWith('.')).toSorted();
}

/** Ids as a message lists them. */
export function listed(ids: readonly string[]): string {
  const more = ids.length - LISTED;
  return `${ids.slice(0, LISTED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** The text of a file, without a mark of byte order. @throws FREEBIND_FILE_MISSING, FREEBIND_FILE_INVALID when it is not UTF-8 */
export async function readText(path: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new FreebindError(
      'FREEBIND_FILE_MISSING',
      `${path} cannot be read. Check that it is there and may be read.`,
      {
        cause,
      },
    );
  });
  return decodeUtf8(path, bytes);
}

function stemOf(name: string): string {
  return name.slice(0, name.length - extname(name).length);
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
