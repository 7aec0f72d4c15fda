import type { Browser } from 'playwright-core';

/** A headless browser and what it was unpacked into, which goes when it closes. */
export interface OpenedBrowser {
  readonly browser: Browser;
  close(): Promise<void>;
}

/** Starts Chromium from an npm package, with more of its switches where they are given; throws where none starts. */
export function openBrowser(args?: readonly string[]): Promise<OpenedBrowser>;
