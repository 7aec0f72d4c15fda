import { join } from 'node:path';
import { FreebindError } from '../errors.ts';

/** The formats in which a table folder keeps its tables, by file ending. */
export type TableFormat = 'npy' | 'safetensors';

/** What a table file's name says. */
export interface TableName {
  readonly space: string;
  readonly modality: string;
  readonly format: TableFormat;
}

/** The characters that some file system refuses, and the one that marks what stands for them. */
// oxlint-disable-next-line no-control-regex -- control characters are among them
const REFUSED = /[\u0000-\u001f\u007f<>:"/\\|?*%]/g;
/** Names that Windows keeps for devices, whatever follows after a dot. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/i;

/** Path of the table of `modality` in `space`, `DIR/SPACE.MODALITY.npy`; ids of bound spaces are ids too. @throws FREEBIND_ARGUMENT_INVALID when one of them is empty */
export function tablePath(dir: string, space: string, modality: string, format: TableFormat = 'npy'): string {
  if (space === '' || modality === '') {
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `A table needs the names of its space and its modality, but "${space}" and "${modality}" were given.`,
    );
  }
  // The last dot before the ending parts the two, so the space keeps its dots and the modality does not.
  return join(dir, `${encodeName(space)}.${encodeName(modality).replaceAll('.', '%2E')}.${format}`);
}

/** Path of the ids of `modality`'s rows, `DIR/MODALITY.ids.txt`. */
export function idsPath(dir: string, modality: string): string {
  return join(dir, `${encodeName(modality).replaceAll('.', '%2E')}.ids.txt`);
}

/** What the name of a table file says, or undefined where it is not one. */
export function parseTableName(file: string): TableName | undefined {
  const [, space, modality, format] = /^(.+)\.([^.]+)\.(npy|safetensors)$/.exec(file) ?? [];
  if (space === undefined || modality === undefined || space.startsWith('.')) return undefined;
  return {
    space: decodeName(space),
    modality: decodeName(modality),
    format: format === 'npy' ? 'npy' : 'safetensors',
  };
}

function encodeName(name: string): string {
  // A leading dot hides a file, and some systems drop a leading space.
  return name
    .replace(REFUSED, percent)
    .replace(/^[. ]/, percent)
    .replace(DEVICE, (device) => percent(device.charAt(0)) + device.slice(1));
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/** Undoes `encodeName`; a percent sign that someone put there by hand stands for itself. */
function decodeName(name: string): string {
  return name.replaceAll(/%([0-7][0-9A-F])/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
