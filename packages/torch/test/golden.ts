import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const inRepository = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

/** The golden folder: `FREEBIND_GOLDEN`, else `../shared/golden`, else the small subset in this repository. */
export function goldenFolder(): string {
  const shared = inRepository('../shared/golden');
  return process.env['FREEBIND_GOLDEN'] ?? (existsSync(shared) ? shared : inRepository('fixtures/golden'));
}

/** The subset that every clone has. */
export const FIXTURES = inRepository('fixtures/golden');
