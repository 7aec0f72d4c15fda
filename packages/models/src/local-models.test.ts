import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { dimensionOf, localModels } from './local-models.ts';
import { parseModelManifest } from './model-manifest.ts';

const manifest = (space: string, dimensions: readonly number[]) =>
  parseModelManifest(
    {
      space,
      variants: {
        base: {
          description: 'a test',
          licence: 'MIT',
          commercial: true,
          source: 'nowhere',
          files: [{ path: 'a.onnx', size: null, sha256: null, url: null }],
          graphs: Object.fromEntries(
            dimensions.map((dimension, i) => [`${i}.onnx`, { inputs: {}, output: 'rows', dimension }]),
          ),
        },
      },
    },
    'the test',
  );

function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'freebind-models-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

describe('localModels', () => {
  const official = manifest('mine', [1024]);

  test("gives the package's own where the folder says nothing", () => {
    expect(localModels(official, 'base', { folder: scratch() })).toBe(official);
  });

  test('gives what the folder says, also in the models root', () => {
    const root = scratch();
    const folder = join(root, 'mine', 'base');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'models.json'), JSON.stringify(manifest('mine', [24, 24])));
    expect(dimensionOf(localModels(official, 'base', { folder }), 'base')).toBe(24);
    expect(dimensionOf(localModels(official, 'base', { env: { FREEBIND_MODELS: root } }), 'base')).toBe(24);
  });

  test.each([
    ['of another space', JSON.stringify(manifest('other', [24])), /describes "other" \(base\).*"mine"/],
    ['that is not JSON', '{', /not JSON. Mend it, or remove it/],
    ['with another content', '{}', /no list of models: space/],
  ])('refuses a file %s', (_, text, words) => {
    const folder = scratch();
    writeFileSync(join(folder, 'models.json'), text);
    expect(() => localModels(official, 'base', { folder })).toThrow(words);
  });
});

test('dimensionOf refuses graphs of several widths', () => {
  expect(dimensionOf(manifest('mine', [16, 16]), 'base')).toBe(16);
  expect(() => dimensionOf(manifest('mine', [16, 24]), 'base')).toThrow(/0\.onnx 16, 1\.onnx 24/);
});
