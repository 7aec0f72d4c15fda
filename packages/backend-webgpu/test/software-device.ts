import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';

const HERE = dirname(fileURLToPath(import.meta.url));
const CACHE = join(HERE, '../../../node_modules/.cache/freebind');
const FILES: ReadonlySet<string> = new Set(['libvk_swiftshader.so', 'libvulkan.so.1', 'vk_swiftshader_icd.json']);

/**
 * Where there is no GPU, tests run on SwiftShader, a Vulkan driver in software that is part of the npm package @sparticuz/chromium:
 * unpacked once, and named in the environment that the workers of the tests start with (a process's own loader has read it already).
 * A machine with a GPU, or one that names a driver in VK_ICD_FILENAMES or VK_DRIVER_FILES, is left as it is.
 */
export default async function useSoftwareDevice(): Promise<void> {
  if (process.platform !== 'linux' || process.env['VK_ICD_FILENAMES'] || process.env['VK_DRIVER_FILES']) return;
  if (await findsAdapter()) return;
  const folder = await unpackSwiftShader();
  process.env['LD_LIBRARY_PATH'] = [folder, process.env['LD_LIBRARY_PATH']].filter(Boolean).join(delimiter);
  process.env['VK_ICD_FILENAMES'] = join(folder, 'vk_swiftshader_icd.json');
}

function findsAdapter(): Promise<boolean> {
  return promisify(execFile)(process.execPath, [
    fileURLToPath(new URL('processes/find-adapter.js', import.meta.url)),
  ]).then(
    () => true,
    () => false,
  );
}

/** The folder of the unpacked driver; one for each version of the package. */
async function unpackSwiftShader(): Promise<string> {
  const require = createRequire(import.meta.url);
  const entry = require.resolve('@sparticuz/chromium');
  const root = entry.slice(0, entry.lastIndexOf('chromium/') + 'chromium/'.length);
  // Read as a file: the package does not export its package.json.
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { readonly version: string };
  const folder = join(CACHE, `swiftshader-${version}`);
  if (existsSync(folder)) return folder;
  const tar = await promisify(brotliDecompress)(await readFile(join(root, 'bin/swiftshader.tar.br')));
  await mkdir(CACHE, { recursive: true });
  const aside = await mkdtemp(join(CACHE, 'unpacking-'));
  for (const [name, bytes] of filesOf(tar))
    if (FILES.has(name)) await writeFile(join(aside, name), bytes, { mode: 0o755 });
  // Another run may have been quicker; its folder is as good.
  await rename(aside, folder).catch(() => rm(aside, { recursive: true, force: true }));
  return folder;
}

/** The files of a tar archive: headers of 512 bytes with name and octal size, contents padded to 512 (POSIX.1-1988, ustar). */
function* filesOf(tar: Buffer): Generator<readonly [name: string, bytes: Buffer]> {
  const text = (start: number, end: number): string => tar.toString('latin1', start, end).replace(/\0.*$/s, '');
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0;) {
    const size = Number.parseInt(text(at + 124, at + 136), 8);
    yield [basename(text(at, at + 100)), tar.subarray(at + 512, at + 512 + size)];
    at += 512 + Math.ceil(size / 512) * 512;
  }
}
