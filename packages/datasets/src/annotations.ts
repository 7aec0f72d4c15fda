import { CsvError, type Options, parse } from 'csv-parse/sync';
import type { z } from 'zod';
import { listed, type LocalCopy, readText } from './local-copy.ts';

/** Lines of a CSV file by its header's names, of which `columns` must be there. @throws FREEBIND_FILE_INVALID FREEBIND_FILE_MISSING */
export async function readCsv<Column extends string>(
  copy: LocalCopy,
  path: string,
  columns: readonly Column[],
): Promise<readonly Readonly<Record<Column, string>>[]> {
  const [header = [], ...lines] = await readCsvLines(copy, path);
  const places = columns.map((column) => header.indexOf(column));
  const absent = columns.filter((_, i) => (places[i] ?? -1) < 0);
  if (absent.length > 0)
    throw copy.wrong(path, `it has no column ${absent.join(', ')}; its columns are ${header.join(', ') || 'none'}.`);
  if (lines.length === 0) throw copy.wrong(path, 'it has a header and no lines.');
  return lines.map(
    (line) =>
      // Every column has its place, checked above, and every line as many cells as the header.
      Object.fromEntries(columns.map((column, i) => [column, line[places[i] ?? 0] ?? ''])) as Record<Column, string>,
  );
}

/** Cells of the lines of a CSV file. Lines are of one length unless `options` relax it. @throws FREEBIND_FILE_INVALID FREEBIND_FILE_MISSING */
export async function readCsvLines(
  copy: LocalCopy,
  path: string,
  options: Pick<Options, 'comment' | 'quote' | 'ltrim' | 'relax_quotes' | 'from_line'> = {},
): Promise<readonly (readonly string[])[]> {
  const text = await readText(path);
  try {
    return parse(text, { skip_empty_lines: true, ...options });
  } catch (error) {
    if (error instanceof CsvError) throw copy.wrong(path, `${error.message}.`);
    throw error;
  }
}

/** What a JSON file holds, as far as `schema` asks for it. @throws FREEBIND_FILE_INVALID naming the key, FREEBIND_FILE_MISSING */
export async function readJson<Schema extends z.ZodType>(
  copy: LocalCopy,
  path: string,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const text = await readText(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw copy.wrong(path, `it is not JSON (${error instanceof Error ? error.message : String(error)}).`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw copy.wrong(path, `${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'not as expected'}.`);
}

/** Refuses ids that stand for two things, with what to do about it. @throws FREEBIND_FILE_INVALID listing them */
export function refuseDuplicates(
  copy: LocalCopy,
  path: string,
  what: string,
  ids: readonly string[],
  advice = 'Get the file again from its source.',
): void {
  const seen = new Set<string>();
  const twice = ids.filter((id) => seen.size === seen.add(id).size);
  if (twice.length > 0) throw copy.wrong(path, `${what} ${listed(twice)} stand in it twice. ${advice}`);
}

/** Names of files that are called by the video alone, with a Y before it or not: only of a video with one clip, or one sound would stand for several. */
export function namesByVideo(videos: readonly string[]): (video: string) => readonly string[] {
  const seen = new Set<string>();
  const several = new Set(videos.filter((video) => seen.size === seen.add(video).size));
  return (video) => (several.has(video) ? [] : [video, `Y${video}`]);
}
