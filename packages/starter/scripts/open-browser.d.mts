import type { Browser } from 'playwright-core';

/** A headless browser and what it was unpacked into, which goes when it closes. */
export interface OpenedBrowser {
  readonly browser: Browser;
  close(): Promise<void>;
}

/** Starts Chromium from an npm package; throws where none starts. */
export function openBrowser(): Promise<OpenedBrowser>;
