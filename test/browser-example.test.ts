import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { ReferenceBackend } from '@freebind/backend-reference';
import type { BackendManifest } from '@freebind/core';
import { build, type Rolldown } from 'vite';
import { afterAll, expect, test } from 'vitest';
import { find, type Found, STEPS, TEMPERATURE, train, type Trained } from '../examples/browser/bond.ts';
import { type OpenedBrowser, openBrowser } from '../packages/starter/scripts/open-browser.mjs';

const root = join(import.meta.dirname, '../examples/browser');
const built = await build({
  root,
  configFile: join(root, 'vite.config.ts'),
  logLevel: 'silent',
  build: { write: false },
});
// One build, neither several nor watched.
const { output } = built as Rolldown.RolldownOutput;

// Chromium's own SwiftShader, which lies beside it in the package.
const browser: OpenedBrowser | Error = await openBrowser([
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
]).catch((error: unknown) => new Error(String(error)));
if (browser instanceof Error && (process.env['CI'] || process.env['FREEBIND_REQUIRE_DEVICE'] === '1')) throw browser;
afterAll(() => (browser instanceof Error ? undefined : browser.close()));

test('the page is bundled without a module of Node, of Dawn or of a container', () => {
  const chunks = output.filter((part) => part.type === 'chunk');
  const modules = chunks.flatMap(({ modules }) => Object.keys(modules));
  expect(modules.filter((id) => /browser-external|node_modules/.test(id))).toEqual([]);
  expect(modules.filter((id) => /backend-webgpu.src.(kernels|host-browser)/.test(id)).length).toBeGreaterThan(20);
  const imports = chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports]);
  expect(imports.filter((name) => builtinModules.includes(name.replace(/^node:/, '')))).toEqual([]);
});

test('in Chromium, on navigator.gpu, the page trains, aggregates and ranks as float64 does', async ({ skip }) => {
  if (browser instanceof Error) return skip(`No browser starts here: ${browser.message}`);
  const page = await browser.browser.newPage();
  const problems: string[] = [];
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(error.message));
  // An address of https, because only such pages have navigator.gpu; it is answered from the bundle.
  await page.route('https://freebind.test/**', (route) => {
    const path = new URL(route.request().url()).pathname.slice(1) || 'index.html';
    const file = output.find(({ fileName }) => fileName === path);
    const contentType = path.endsWith('.js') ? 'text/javascript' : 'text/html';
    return file
      ? route.fulfill({ contentType, body: file.type === 'chunk' ? file.code : file.source.toString() })
      : route.abort();
  });
  await page.goto('https://freebind.test/');
  // Typed arrays come back as they are.
  const { manifest, bond, losses, found } = (await page.evaluate('finished')) as Trained & {
    readonly manifest: BackendManifest;
    readonly found: Found;
  };
  expect(problems).toEqual([]);
  expect(manifest.device).toMatch(/swiftshader/i);
  expect(await page.locator('#result').textContent()).toContain(`${Math.round(100 * found.recallAt1)} %`);

  const oracle = new ReferenceBackend({ precision: 'float64' });
  // As test/swap.test.ts derives it: a loss is a difference of two logits, and a step rests on all before it.
  const expected = await train(oracle);
  losses.forEach((loss, step) => {
    const tolerance = 10 * (step + 1) * manifest.tolerance * (1 + 2 / TEMPERATURE);
    expect(Math.abs(loss - (expected.losses[step] ?? NaN)), `loss of step ${step}`).toBeLessThan(tolerance);
  });
  expect(losses).toHaveLength(STEPS);
  // With the page's own bond, so that what is compared is no more than carrying, aggregating and ranking.
  const { carried, aggregated, nearest, scores, recallAt1 } = await find(oracle, bond);
  for (const [here, there] of [
    [carried, found.carried],
    [aggregated, found.aggregated],
    [scores, found.scores],
  ] as const) {
    const errors = Array.from(there.data, (x, i) => Math.abs(x - (here.data[i] ?? NaN)));
    expect(Math.max(...errors)).toBeLessThan(manifest.tolerance);
  }
  expect(found.nearest).toEqual(nearest);
  expect(found.recallAt1).toBe(recallAt1);
  expect(recallAt1).toBeGreaterThan(0.9);
});
