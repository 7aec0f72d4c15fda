import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FreebindError } from '../errors.ts';
import { errnoOf } from './ranged-file.ts';

const REASONS: Readonly<Record<string, readonly [what: string, mend: string]>> = {
  ENOSPC: ['the disk is full', 'Free some space or write elsewhere'],
  EDQUOT: ['the disk quota is used up', 'Free some space or write elsewhere'],
  EFBIG: ['the file would be larger than the system allows', 'Raise the limit (`ulimit -f`) or write elsewhere'],
  EIO: ['the disk failed', 'Check the disk, or write elsewhere'],
  EROFS: ['the file system is read-only', 'Write elsewhere'],
  EACCES: ['this process may not write there', 'Give it permission or write elsewhere'],
  EPERM: ['this process may not write there', 'Give it permission or write elsewhere'],
  ENAMETOOLONG: ['the name is longer than the file system allows', 'Give it a shorter name'],
  ENOTDIR: ['a part of the path is a file, not a folder', 'Choose another path'],
  EEXIST: ['a part of the path is a file, not a folder', 'Choose another path'], // as making a folder says it
  EISDIR: ['a folder has that name', 'Choose another path'],
  EMFILE: ['this process has too many files open', 'Close some or raise the limit (`ulimit -n`)'],
};

/** What the system said while `path` was written, as FREEBIND_WRITE_FAILED. */
export function writeError(path: string, cause: unknown, space = ''): FreebindError {
  const code = errnoOf(cause);
  const [what, mend] = REASONS[code ?? ''] ?? [
    'the system refused',
    'Check the folder and the disk, or write elsewhere',
  ];
  return new FreebindError(
    'FREEBIND_WRITE_FAILED',
    `${path} was not written: ${what} (${code ?? String(cause)}).${space} What had this name before is intact. ${mend}.`,
    { cause },
  );
}

/** The same for a file of which `bytes` were to be written, saying how much space is there. */
export async function writeErrorWithSpace(path: string, cause: unknown, bytes: number): Promise<FreebindError> {
  const code = errnoOf(cause);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return writeError(path, cause);
  const free = await statfs(dirname(path))
    .then(({ bavail, bsize }) => ` and ${describeBytes(bavail * bsize)} are free beside it`)
    .catch(() => '');
  return writeError(path, cause, ` It needs at least ${describeBytes(bytes)}${free}.`);
}

function describeBytes(bytes: number): string {
  if (bytes < 2 ** 20) return `${bytes} bytes`;
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}
