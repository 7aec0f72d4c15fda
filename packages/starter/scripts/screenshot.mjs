/**
 * Takes the picture of a report that the README opens with: its headline and the first plots, in the light scheme.
 *
 *     node packages/starter/scripts/screenshot.mjs quickstart/report.html docs/report.png
 */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openBrowser } from './open-browser.mjs';

/** More would make the README slow to open. */
const LARGEST = 300_000; // bytes

const [report, picture = 'docs/report.png'] = process.argv.slice(2);
if (report === undefined) throw new Error('Say which report: screenshot.mjs REPORT.html [PICTURE.png]');

const opened = await openBrowser();
try {
  const page = await opened.browser.newPage({ viewport: { width: 1200, height: 900 }, colorScheme: 'light' });
  await page.goto(pathToFileURL(resolve(report)).href);
  const plots = await page.locator('.plots.wide').first().boundingBox();
  const height = Math.ceil((plots?.y ?? 800) + (plots?.height ?? 0) + 24);
  await page.screenshot({ path: picture, fullPage: true, clip: { x: 0, y: 0, width: 1200, height } });
} finally {
  await opened.close();
}

const { size } = await stat(picture);
console.log(`${picture}: ${Math.round(size / 1000)} kB`);
if (size > LARGEST)
  throw new Error(`${picture} has ${size} bytes, more than the ${LARGEST} that a README should carry.`);
