import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What the lockfile says of one package. */
interface Locked {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly license?: string;
  readonly hasInstallScript?: boolean;
}
const read = (path: string): unknown => JSON.parse(readFileSync(join(root, path), 'utf8'));
// What npm writes, as its documentation of package-lock.json describes it.
const { packages } = read('package-lock.json') as { readonly packages: Readonly<Record<string, Locked>> };
const installed = Object.entries(packages).filter(([path, { link }]) => path.includes('node_modules/') && !link);

describe('what is installed', () => {
  test('is pinned by a SHA-512, and comes from a registry', () => {
    const loose = installed.filter(
      ([, { integrity, resolved }]) =>
        !integrity?.startsWith('sha512-') || (resolved !== undefined && !resolved.startsWith('https://')),
    );
    expect(installed.length).toBeGreaterThan(100);
    expect(loose).toEqual([]);
  });

  test('runs nothing while it is installed', () => {
    expect(readFileSync(join(root, '.npmrc'), 'utf8')).toMatch(/^ignore-scripts=true$/m);
    // docs/releasing.md says what each of these would do, and why it is not needed.
    const scripted = installed
      .filter(([, one]) => one.hasInstallScript)
      .map(([path]) => path.replace(/.*node_modules\//, ''));
    const explained = new Set(['fsevents', 'onnxruntime-node', 'protobufjs', 'webgpu']);
    expect(scripted.filter((name) => !explained.has(name))).toEqual([]);
  });

  test('may be used under licences that ask for no more than a notice, but for parts that users can replace', () => {
    const permissive = new Set([
      'MIT',
      'ISC',
      'BSD-2-Clause',
      'BSD-3-Clause',
      '0BSD',
      'Apache-2.0',
      'BlueOak-1.0.0',
      'Unlicense',
      '(MIT OR CC0-1.0)',
    ]);
    const shipped = installed.filter(([, { dev, devOptional }]) => !dev && !devOptional);
    const other = shipped.filter(([, { license = '' }]) => !permissive.has(license));
    const named = other.map(([path, { license }]) => `${path.replace(/.*node_modules\//, '')}: ${license}`);
    // libvips in sharp's binaries; codec-parser of the Ogg and FLAC decoders; what Vitest, a peer of the suite, brings for CSS.
    const apart =
      /^(@img\/sharp-[\w-]+: .*LGPL-3\.0-or-later.*|codec-parser: LGPL-3\.0-or-later|lightningcss(-[\w-]+)?: MPL-2\.0)$/;
    expect(named.filter((line) => !apart.test(line))).toEqual([]);
  });
});

describe.each(readdirSync(join(root, 'packages')))('packages/%s', (folder) => {
  const manifest = read(`packages/${folder}/package.json`) as Readonly<Record<string, unknown>>;

  test('is ready to be published with provenance', () => {
    expect(manifest).toMatchObject({
      license: 'Apache-2.0',
      description: expect.any(String),
      publishConfig: { access: 'public', provenance: true },
      engines: { node: '>=20.19.0' },
      files: expect.arrayContaining(['dist']),
    });
    expect(manifest['scripts']).toBeUndefined(); // so that none runs where it is installed
    for (const file of ['README.md', 'LICENSE']) expect(existsSync(join(root, 'packages', folder, file))).toBe(true);
  });

  test('has commands that npm keeps', () => {
    // npm 11 drops a command whose path begins with "./", with a warning.
    for (const path of Object.values((manifest['bin'] ?? {}) as Readonly<Record<string, string>>)) {
      expect(path).not.toMatch(/^\.\//);
      expect(existsSync(join(root, 'packages', folder, path))).toBe(true);
    }
  });
});
