import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { loadConfig } from '@freebind/core/config';

const data = process.env['FREEBIND_STARTER'] ?? fileURLToPath(new URL('../../shared/starter', import.meta.url));
const config = fileURLToPath(new URL('../examples/starter/unified.config.ts', import.meta.url));

// The tables are not in the repository; examples/starter/README.md says what they are.
test.skipIf(!existsSync(data))('the configs of examples/starter fit the tables they are for', async () => {
  vi.stubEnv('FREEBIND_STARTER', data);
  const { fuse, train } = await loadConfig({ path: config });
  expect(Object.keys(fuse ?? {})).toEqual(['vt', 'at', 'u']);
  expect(train).toMatchObject({ recipe: 'u + d(vt) + c(at)', batch: 512 });
});
