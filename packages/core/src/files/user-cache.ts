import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Folder of what was found out about this machine and can be found out again: `$XDG_CACHE_HOME/freebind`, else where the
 * system keeps such things of a user.
 */
export function userCache(): string {
  const { XDG_CACHE_HOME: given, LOCALAPPDATA: local } = process.env;
  if (given !== undefined && given !== '') return join(given, 'freebind');
  if (process.platform === 'win32') return join(local ?? join(homedir(), 'AppData', 'Local'), 'freebind', 'Cache');
  return join(homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache', 'freebind');
}
