import { readdir, readFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { FreebindError, type FreebindErrorCode, isFreebindError } from '@freebind/core';
import { LOCK_FILE, lockFolder, writeFileAtomic } from '@freebind/core/files';

/** What makes two runs the same: then one goes on with what the other left. Plain data. */
export type Identity = Readonly<Record<string, unknown>>;

/** How long a stage took when it was done. */
export interface StageTime {
  readonly name: string;
  readonly seconds: number;
  readonly reused: boolean;
}

/** The folder of a quickstart, which only this process writes until `release`. */
export interface RunFolder {
  /** Seconds that stages of earlier runs on this folder took, by name. */
  readonly earlier: Readonly<Record<string, number>>;
  /** Remembers a stage's time for runs to come. */
  record(name: string, seconds: number): Promise<void>;
  release(): Promise<void>;
}

const MARK = 'quickstart.json';
const TIMES = 'stages.json';

/**
 * Claims `out` for one quickstart.
 *
 * @throws FREEBIND_OUTPUT_EXISTS when it holds something else, or a quickstart with other settings, saying which
 * @throws FREEBIND_OUTPUT_BUSY when another process is at work in it
 */
export async function claimFolder(out: string, identity: Identity): Promise<RunFolder> {
  // Before the lock, so that nothing is written into a folder that is not ours.
  await refuseOthers(out, identity);
  const lock = await lockFolder(out);
  try {
    const there = await refuseOthers(out, identity);
    if (!there) await writeFileAtomic(join(out, MARK), `${JSON.stringify(identity, undefined, 2)}\n`);
    const times = new Map(Object.entries(await readTimes(join(out, TIMES))));
    return {
      earlier: Object.fromEntries(times),
      record: async (name, seconds) => {
        times.set(name, seconds);
        await writeFileAtomic(join(out, TIMES), `${JSON.stringify(Object.fromEntries(times), undefined, 2)}\n`);
      },
      release: () => lock.release(),
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** What is said of files that were changed since they were written. */
const CHANGED: ReadonlySet<FreebindErrorCode> = new Set([
  'FREEBIND_BOND_INVALID',
  'FREEBIND_FILE_INVALID',
  'FREEBIND_FILE_MISSING',
  'FREEBIND_NUMBER_INVALID',
  'FREEBIND_OUTPUT_EXISTS', // what was made of them is of another run then
  'FREEBIND_ROWS_MISALIGNED',
  'FREEBIND_SHAPE_MISMATCH',
]);

/**
 * An error of work in `out`, as it is to be told. One of files that were changed would stop every run at the same place, so it is
 * told with what to delete: the part of `folders` that it names, or, where it may lie anywhere, all.
 */
export async function changeOf(thrown: unknown, out: string, folders: readonly string[]): Promise<unknown> {
  if (!isFreebindError(thrown) || !CHANGED.has(thrown.code)) return thrown;
  const { code, message } = thrown;
  const parts = await Promise.all(
    folders.map(async (folder) => (await readdir(folder).catch(() => [])).map((name) => join(folder, name))),
  );
  const named = parts.flat().find((path) => message.includes(path + sep) || message.includes(`${path} `));
  const part = code === 'FREEBIND_OUTPUT_EXISTS' ? out : (named ?? out);
  return new FreebindError(
    code,
    `Something in ${out} seems to have been changed since it was written. Delete ${part} and start again, which makes it anew, or choose another folder with --out. What was found: ${message}`,
    { cause: thrown },
  );
}

/** True when `out` is this quickstart, false when nothing is there. */
async function refuseOthers(out: string, identity: Identity): Promise<boolean> {
  const exists = (found: string): FreebindError =>
    new FreebindError(
      'FREEBIND_OUTPUT_EXISTS',
      `${out} ${found}. Choose another folder with --out, or delete this one.`,
    );
  const names = await readdir(out).catch((error: unknown) => {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return [];
    throw exists('is there already and is not a folder that can be read');
  });
  const others = names.filter((name) => !name.startsWith(LOCK_FILE) && !name.includes(`${MARK}.`));
  if (others.length === 0) return false;
  if (!others.includes(MARK)) throw exists(`is there already and is not a quickstart (it has ${others[0]})`);
  let made: Identity;
  try {
    // A mark of anything but an object has none of the keys below.
    made = Object(JSON.parse(await readFile(join(out, MARK), 'utf8'))) as Identity;
  } catch {
    throw exists(`has a damaged ${MARK}, so what was made there is unknown`);
  }
  for (const [key, value] of Object.entries(identity)) {
    const [was, is] = [JSON.stringify(made[key]), JSON.stringify(value)];
    if (was !== is)
      throw exists(`holds a quickstart of another run: ${key} is ${short(was)} there and ${short(is)} here`);
  }
  return true;
}

function short(text: string | undefined): string {
  return text === undefined ? 'not said' : text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

async function readTimes(path: string): Promise<Readonly<Record<string, number>>> {
  try {
    // Only times that are shown depend on it; what is not a number is not shown.
    const times = Object(JSON.parse(await readFile(path, 'utf8'))) as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries(times).flatMap(([name, value]) => (typeof value === 'number' ? [[name, value] as const] : [])),
    );
  } catch {
    return {};
  }
}
