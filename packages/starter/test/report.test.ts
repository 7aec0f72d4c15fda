import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type OpenedBrowser, openBrowser } from '../scripts/open-browser.mjs';
import { renderReport } from '../src/report/index.ts';
import type { Figure, QuickstartResult } from '../src/result.ts';
import { syntheticResult } from './synthetic-result.ts';

const result = syntheticResult();
const report = renderReport(result);

// Everything comes from npm packages, so only a system without the C library or the rights to run it should skip.
const opened: OpenedBrowser | Error = await openBrowser().catch((error: unknown) => new Error(String(error)));
if (opened instanceof Error && (process.env['CI'] || process.env['FREEBIND_REQUIRE_DEVICE'] === '1')) throw opened;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'freebind-report-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  if (!(opened instanceof Error)) await opened.close();
});

afterEach(async () => {
  if (opened instanceof Error) return;
  for (const context of opened.browser.contexts()) await context.close();
});

interface View {
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
  readonly script?: boolean;
}

/** Opens a report as a file; `problems` collects console errors, exceptions, dialogs and whatever it asked the network for. */
async function open(html: string, { width = 1200, height = 900, dark = false, script = true }: View = {}) {
  if (opened instanceof Error) throw opened;
  const path = join(folder, 'report.html');
  await writeFile(path, html);
  const context = await opened.browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    javaScriptEnabled: script,
  });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await context.route(/^(?!file:)/u, (route) => {
    problems.push(`network: ${route.request().url()}`);
    return route.abort();
  });
  await page.goto(pathToFileURL(path).href);
  return { page, problems };
}

/** `[row id, [cell name, text of every figure in it]]` of a table, as the page has it. */
function readTable(
  page: Page,
  split: string,
): Promise<readonly (readonly [string, readonly (readonly [string, readonly string[]])[]])[]> {
  return page.evaluate(`[...document.querySelectorAll('#figures-${split} tr[data-row]')].map((row) => [
    row.dataset.row,
    [...row.querySelectorAll('td')].map((cell) => [
      cell.dataset.name,
      [...cell.querySelectorAll('b, small')].map((figure) => figure.textContent.trim()),
    ]),
  ])`);
}

function shown({ value, low, high }: Figure): readonly string[] {
  return [value.toFixed(1), `${low.toFixed(1)}–${high.toFixed(1)}`];
}

/** The lowest contrast of text with what is behind it, by WCAG 2's formula, and the text that has it. */
const LOWEST_CONTRAST = `(() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [R, G, B] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * R + 0.7152 * G + 0.0722 * B;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour[3] === undefined || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  let lowest = [Infinity, ''];
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join('');
    if (text === '' || element.closest('script, style, noscript, title') || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const [a, b] = [luminance(numbers(element.closest('svg') ? style.fill : style.color)), luminance(behind(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < lowest[0]) lowest = [contrast, text.slice(0, 40)];
  }
  return lowest;
})()`;

describe('the report in a browser', { timeout: 60_000 }, () => {
  beforeEach(({ skip }) => {
    if (opened instanceof Error) skip(`No browser starts here: ${opened.message}`);
  });

  test('opens without an error, a warning or a request', async () => {
    const view = await open(report);
    await view.page.locator('#retrieved h3').waitFor();
    expect(view.problems).toEqual([]);
  });

  test('could not reach a network if it wanted to', async () => {
    const view = await open(report);
    const fetched = await view.page.evaluate(`fetch('https://example.com/').then(() => 'fetched', () => 'refused')`);
    expect(fetched).toBe('refused');
    expect(view.problems.filter((problem) => problem.startsWith('network'))).toEqual([]);
    expect(view.problems.join()).toContain('Content Security Policy');
  });

  test.each(['test', 'unseen'] as const)('has the figures of the %s split as they were measured', async (split) => {
    const view = await open(report);
    const table = new Map(await readTable(view.page, split));
    const rows = result.rows.filter((row) => row.split === split);
    expect([...table.keys()]).toEqual(['chance', ...rows.map((row) => row.id)]);
    for (const row of rows) {
      const expected = [
        ['audio–image R@5', row.audioImage ? shown(row.audioImage) : []],
        ['mean R@1', shown(row.mean)],
        ...result.directions.map((direction) => {
          const measured = row.directions[direction];
          const figures = measured && [measured.r1, measured.r5, measured.r10, measured.medianRank];
          return [direction.replace('→', ' → '), figures?.flatMap(shown) ?? []];
        }),
      ];
      expect({ [row.id]: table.get(row.id) }).toEqual({ [row.id]: expected });
    }
  });

  test('shows the recall or rank that is chosen, and no other', async () => {
    const view = await open(report);
    const cell = view.page.locator('#figures-test tr[data-row="u"] td[data-name="audio → text"]');
    expect(await cell.locator('.r1').isVisible()).toBe(true);
    await view.page.getByLabel('R@10').check();
    expect(await cell.locator('.r10').isVisible()).toBe(true);
    expect(await cell.locator('.r1').isVisible()).toBe(false);
  });

  test('shows what a concept retrieves, in all directions, with the right answer and its rank', async () => {
    const view = await open(report);
    const { concepts, before, after } = result.gallery;
    const concept = after['audio→text'].findIndex((found) => found[5] === 2);
    await view.page.locator(`[data-concept="${concept}"]`).click();
    const label = concepts[concept]?.label ?? '';
    expect(await view.page.locator('#retrieved h3').textContent()).toBe(`${concepts[concept]?.glyph} ${label}`);
    expect(await view.page.locator(`[data-concept="${concept}"]`).getAttribute('aria-pressed')).toBe('true');
    expect(await view.page.locator('#retrieved h4').allTextContents()).toEqual(
      result.directions.map((d) => d.replace('→', ' → ')),
    );
    const sides = view.page.locator('.asked', { hasText: 'audio → text' }).locator('.side');
    expect(await sides.nth(0).locator('.rank').textContent()).toBe(
      `rank ${before['audio→text'][concept]?.[5]} of ${concepts.length}`,
    );
    expect(await sides.nth(1).locator('.rank').textContent()).toBe(`rank 2 of ${concepts.length}`);
    const words = after['audio→text'][concept]?.slice(0, 5).map((index) => concepts[index]?.label);
    expect(await sides.nth(1).locator('.word').allTextContents()).toEqual(words);
    expect(await sides.nth(1).locator('.right .word').allTextContents()).toEqual([label]);
  });

  test('finds concepts by their labels, and says so where there are none', async () => {
    const view = await open(report);
    const wanted = result.gallery.concepts[7]?.label ?? '';
    await view.page.getByLabel('Search').fill(wanted.toUpperCase());
    const visible = view.page.locator('#concepts button:visible');
    const titles = await visible.evaluateAll((buttons) => buttons.map((button) => button.getAttribute('title')));
    expect(titles).toEqual(
      result.gallery.concepts.map((c) => c.label).filter((label) => label.toLowerCase().includes(wanted.toLowerCase())),
    );
    await view.page.getByLabel('Search').fill('no such concept');
    expect(await view.page.locator('#nothing').isVisible()).toBe(true);
  });

  test('puts the concepts that lost most first when asked', async () => {
    const view = await open(report);
    await view.page.getByLabel('Order').selectOption('lost');
    const { before, after } = result.gallery;
    const gain = (i: number): number =>
      result.directions.reduce((sum, d) => sum + 1 / (after[d][i]?.[5] ?? NaN) - 1 / (before[d][i]?.[5] ?? NaN), 0);
    const gains = (
      await view.page
        .locator('#concepts button')
        .evaluateAll((buttons) => buttons.map((b) => Number(b.getAttribute('data-concept'))))
    ).map(gain);
    expect(gains).toEqual(gains.toSorted((a, b) => a - b));
  });

  test('needs no sideways scrolling, on a small phone or a wide screen', async () => {
    const { page } = await open(report, { dark: true });
    for (const width of [320, 360, 768, 1200]) {
      await page.setViewportSize({ width, height: 740 });
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    }
  });

  test.each([false, true])('has text with a contrast of at least 4.5 (dark: %s)', async (dark) => {
    const view = await open(report, { dark, width: 360, height: 740 });
    const [lowest, text] = await view.page.evaluate<[number, string]>(LOWEST_CONTRAST);
    expect({ text, readable: lowest >= 4.5 }).toEqual({ text, readable: true });
  });

  test('gives every plot a title and words for who cannot see it', async () => {
    const view = await open(report);
    const labels = await view.page
      .locator('figure svg')
      .evaluateAll((all) => all.map((svg) => svg.getAttribute('aria-label') ?? ''));
    expect(labels).toHaveLength(2 + result.surfaces.length + 1 + 3 + 1); // losses of the spaces, of d(VT) and of c(AT)
    for (const label of labels) expect(label.length).toBeGreaterThan(30);
    expect(labels.join(' ')).not.toMatch(/undefined|NaN/u);
  });

  test('keeps its tables and plots without a script', async () => {
    const view = await open(report, { script: false });
    expect(await view.page.locator('#figures-test').isVisible()).toBe(true);
    expect(await view.page.locator('figure svg').count()).toBeGreaterThan(10);
  });

  test('shows hostile labels as text', async () => {
    const view = await open(renderReport(hostile(result)));
    await view.page.locator('[data-concept="0"]').click();
    expect(await view.page.locator('#retrieved h3').textContent()).toContain('<img src=x onerror=alert(1)>');
    expect(await view.page.locator('img').count()).toBe(0);
    expect(view.problems).toEqual([]);
  });
});

test('the report is one file of less than 3 MB', () => {
  expect(Buffer.byteLength(report)).toBeLessThan(3e6);
  expect(report).not.toMatch(/ (?:src|href)="(?!#)/u);
});

test('the same result gives the same report', () => {
  expect(renderReport(syntheticResult())).toBe(report);
});

test('a result of a fast run, without searches, controls and unseen concepts, has its report', () => {
  const rows = result.rows.filter((row) => row.split === 'test' && row.kind !== 'control');
  const empty = { surfaces: [], pareto: [], losses: [], trained: [], forgetting: [] };
  const html = renderReport({ ...result, ...empty, rows, fast: true });
  expect(html).toContain('A fast run');
  expect(html).toContain('not measured');
  expect(html).not.toMatch(/NaN|undefined|Infinity/u);
});

test('a gain that the intervals do not bear is not claimed', () => {
  const rows = result.rows.map((row) =>
    row.id === 'u+d+c' ? Object.assign({ ...row }, { mean: { value: 3.3, low: 2.4, high: 4.2 } }) : row,
  );
  expect(renderReport({ ...result, rows })).toMatch(
    /<h1>Binding moves mean R@1 from 3\.1\u00a0% to 3\.3\u00a0%, which the intervals cannot tell from noise/u,
  );
  const lost = result.rows.map((row) =>
    row.id === 'u+d+c' ? Object.assign({ ...row }, { mean: { value: 0.5, low: 0.2, high: 0.9 } }) : row,
  );
  expect(renderReport({ ...result, rows: lost })).toContain(
    '<h1>Binding lowers mean R@1 from 3.1\u00a0% to 0.5\u00a0%',
  );
});

test('the report says so when its figures are made up, and only then', () => {
  const { synthetic: _, ...real } = result;
  expect(report).toContain('made up');
  expect(renderReport(real)).not.toContain('made up');
});

function hostile(from: QuickstartResult): QuickstartResult {
  const evil = '<img src=x onerror=alert(1)></script><script>alert(2)</script>"\'&';
  return {
    ...from,
    backend: evil,
    rows: from.rows.map((row) => Object.assign({ ...row }, { name: evil, note: evil })),
    factors: { ...from.factors, recipe: evil, goal: evil },
    losses: from.losses.map(({ points }, i) => ({ stage: `${evil} ${i}`, points })),
    gallery: { ...from.gallery, concepts: from.gallery.concepts.map(({ id }) => ({ id, glyph: evil, label: evil })) },
  };
}
