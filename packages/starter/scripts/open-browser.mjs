import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import chromium from '@sparticuz/chromium';
import { chromium as playwright } from 'playwright-core';

/**
 * Chromium from an npm package, first with the system's shared libraries, then, where these lack something that it links to
 * (libnss3 in a bare container), with those that the package carries for Amazon Linux. `args` are more of Chromium's switches.
 */
export async function openBrowser(args = []) {
  try {
    return await unpackAndLaunch(args, false);
  } catch {
    return unpackAndLaunch(args, true);
  }
}

async function unpackAndLaunch(args, withLibraries) {
  // A folder of its own: the package takes whatever file it finds in the common one, also one that another process is writing.
  const folder = await mkdtemp(join(tmpdir(), 'freebind-browser-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const executablePath = await withEnvironment(
      // The package unpacks its libraries where this says that it runs on Amazon Linux 2023, as its readme tells.
      { TMPDIR: folder, ...(withLibraries ? { AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs22.x' } : {}) },
      () => chromium.executablePath(),
    );
    const browser = await playwright.launch({
      executablePath,
      headless: true,
      args: ['--no-sandbox', '--font-render-hinting=none', ...args], // root, as in containers, has no sandbox
      env: {
        ...process.env,
        ...(withLibraries
          ? { LD_LIBRARY_PATH: join(folder, 'al2023', 'lib'), FONTCONFIG_PATH: join(folder, 'fonts') }
          : {}),
      },
    });
    return {
      browser,
      close: async () => {
        await browser.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Runs with environment variables set, which is the only way that the package takes these two. */
async function withEnvironment(variables, run) {
  const before = Object.keys(variables).map((name) => [name, process.env[name]]);
  Object.assign(process.env, variables);
  try {
    return await run();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
