import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A new folder with these files, removed when the test ends. Objects become JSON. */
export async function makeFolder(files: Readonly<Record<string, string | object>> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'freebind-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

/**
 * The files of a real plugin package in node_modules, in plain JavaScript that imports nothing: it meets core only through
 * the tokens, as a plugin with its own copy of core does. Importing it writes `imported` beside it; `declared` is what its
 * package.json says, `exported` what its code says.
 */
export function pluginPackage(
  name: string,
  declared: Readonly<Record<string, unknown>> | undefined,
  exported: Readonly<Record<string, unknown>> = declared ?? {},
): Record<string, string | object> {
  const code = `
    import { writeFileSync } from 'node:fs';
    writeFileSync(new URL('imported', import.meta.url), '');
    const manifest = ${JSON.stringify(exported)};
    const close = async () => {};
    const bring = {
      spaces: (id, options) => ({
        manifest: { id, dimension: 2, modalities: ['text'], source: { paper: '', checkpoint: '', license: '' }, options },
        embed: async () => { throw new Error('a toy'); },
        close,
      }),
      backends: (id, options) => async () => ({ manifest: { id, device: JSON.stringify(options) }, close }),
    };
    const tokens = { spaces: Symbol.for('@freebind/Space'), backends: Symbol.for('@freebind/Backend') };
    export default Object.assign(
      (options) => ({
        manifest,
        load: ({ bind }) => {
          for (const kind of Object.keys(tokens))
            for (const id of manifest[kind] ?? []) bind(tokens[kind]).toConstantValue(bring[kind](id, options)).whenNamed(id);
        },
      }),
      { manifest },
    );`;
  return {
    [`node_modules/${name}/package.json`]: {
      name,
      version: '1.0.0',
      type: 'module',
      exports: { import: './index.js' },
      ...(declared && { freebind: declared }),
    },
    [`node_modules/${name}/index.js`]: code,
  };
}
