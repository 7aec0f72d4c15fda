import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/**
 * Runs a TypeScript file of this folder in a process of its own and hands over each line that it prints, as JSON. `shell` is
 * run before it, in the same process. Resolves when it has ended, however it did.
 */
export async function runChild(
  file: string,
  args: readonly string[],
  seen: (line: Readonly<Record<string, unknown>>) => void = () => undefined,
  { shell = '' }: { readonly shell?: string } = {},
): Promise<void> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const command = [process.execPath, '--conditions=@freebind/source', '--import', 'jiti/register', path, ...args];
  const child = spawn('/bin/sh', ['-c', `${shell} exec "$@"`, 'sh', ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: fileURLToPath(new URL('.', import.meta.url)),
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  // Each line is an object that the child printed with JSON.stringify.
  for await (const line of createInterface(child.stdout)) seen(JSON.parse(line) as Record<string, unknown>);
  await ended;
}
