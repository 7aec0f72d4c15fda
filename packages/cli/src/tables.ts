import { readFile } from 'node:fs/promises';
import { FreebindError, selectRows, type Table } from '@freebind/core';
import { checkDepth, openNpy, openSafetensors, type TableFolder } from '@freebind/core/files';

/** A table that was opened for a command, to be closed by it. */
export interface OpenTable {
  readonly table: Table;
  close(): Promise<void>;
}

/**
 * Opens `x.npy`, `x.safetensors` (one tensor) or `x.safetensors#tensor`.
 *
 * @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID
 */
export async function openTable(path: string): Promise<OpenTable> {
  if (path.endsWith('.npy')) {
    const table = await openNpy(path);
    return { table, close: () => table.close() };
  }
  const [file = path, wanted] = path.split('#');
  if (!file.endsWith('.safetensors')) {
    throw new FreebindError(
      'FREEBIND_FILE_INVALID',
      `${path} is not a table by its name; expected a .npy or .safetensors file. With NumPy: np.save("x.npy", rows).`,
    );
  }
  const opened = await openSafetensors(file);
  try {
    const [first, ...others] = opened.names;
    if (wanted === undefined && (first === undefined || others.length > 0)) {
      throw new FreebindError(
        'FREEBIND_FILE_INVALID',
        `${file} holds ${opened.names.length} tensors (${opened.names.slice(0, 5).join(', ')}); say which one is the table: ${file}#NAME.`,
      );
    }
    return { table: opened.table(wanted ?? first ?? ''), close: () => opened.close() };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** Opens several tables, hands them to `use` and closes them in any case. */
export async function withTables<Result>(
  paths: readonly string[],
  use: (tables: readonly Table[]) => Promise<Result>,
): Promise<Result> {
  const opened: OpenTable[] = [];
  try {
    for (const path of paths) opened.push(await openTable(path));
    return await use(opened.map(({ table }) => table));
  } finally {
    await Promise.all(opened.map((open) => open.close()));
  }
}

/**
 * The row numbers that `choice` names: `splits.json:test` is the list under `test` in that file, `rows.json` the file's own list.
 *
 * @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID
 */
export async function readRowNumbers(choice: string): Promise<Int32Array> {
  const [, path = choice, key] = /^(.+\.json):([^:]+)$/.exec(choice) ?? [];
  const content = await readJson(path);
  const list = key === undefined ? content : entry(content, key);
  if (Array.isArray(list) && list.length > 0 && list.every((row) => Number.isInteger(row) && row >= 0)) {
    const rows = Int32Array.from(list);
    const seen = new Set<number>();
    const repeated = rows.find((row) => seen.size === seen.add(row).size);
    if (repeated === undefined) return rows;
    throw new FreebindError('FREEBIND_FILE_INVALID', `${choice} names row ${repeated} twice. Name each row once.`);
  }
  const keys = typeof content === 'object' && content !== null && !Array.isArray(content) ? Object.keys(content) : [];
  throw new FreebindError(
    'FREEBIND_FILE_INVALID',
    `${path} has no list of row numbers${key === undefined ? '' : ` under "${key}"`}${keys.length > 0 ? `; its keys are ${keys.join(', ')}` : ''}. Name one as ${path}:KEY.`,
  );
}

/** Rows `numbers` of `table`. @throws FREEBIND_ARGUMENT_INVALID when one is not in it */
export function pickRows(table: Table, numbers: Int32Array | undefined): Table {
  if (numbers === undefined) return table;
  const beyond = numbers.find((row) => row >= table.rows);
  if (beyond === undefined) return selectRows(table, numbers);
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `Row ${beyond} was asked for, but ${table.source} has rows 0 to ${table.rows - 1}. The list of rows belongs to other tables.`,
  );
}

/** What a JSON file holds. @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID */
export async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new FreebindError('FREEBIND_FILE_MISSING', `There is no file ${path} that can be read. Check the path.`, {
      cause,
    });
  });
  const value = parseJson(text, path);
  checkDepth(value, path);
  return value;
}

function parseJson(text: string, path: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch (cause) {
    throw new FreebindError(
      'FREEBIND_FILE_INVALID',
      `${path} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}.`,
      { cause },
    );
  }
}

function entry(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : undefined;
}

/** The pairs in a JSON file, `[[query row, gallery row], …]`. @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID */
export async function readPairs(path: string): Promise<readonly (readonly [number, number])[]> {
  const pairs = await readJson(path);
  if (Array.isArray(pairs) && pairs.length > 0 && pairs.every(isPair)) return pairs;
  throw new FreebindError(
    'FREEBIND_FILE_INVALID',
    `${path} is not a list of pairs; expected [[query row, gallery row], …], counted from 0.`,
  );
}

function isPair(value: unknown): value is readonly [number, number] {
  return Array.isArray(value) && value.length === 2 && value.every((row) => typeof row === 'number');
}

/** The space called `wanted`, or the only one that a folder has tables of. @throws FREEBIND_SPACE_UNKNOWN FREEBIND_ARGUMENT_INVALID */
export function chooseSpace(folder: TableFolder, wanted: string | undefined): string {
  const { path, spaces } = folder;
  const [only, ...others] = spaces;
  if (wanted !== undefined && spaces.includes(wanted)) return wanted;
  const there = spaces.length === 0 ? 'no tables' : `tables of ${spaces.map((id) => `"${id}"`).join(', ')}`;
  if (wanted !== undefined) {
    throw new FreebindError('FREEBIND_SPACE_UNKNOWN', `${path} has ${there}, but none of "${wanted}".`);
  }
  if (only !== undefined && others.length === 0) return only;
  throw new FreebindError('FREEBIND_ARGUMENT_INVALID', `${path} has ${there}; say which space with --space.`);
}
