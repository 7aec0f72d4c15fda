import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describePlugin } from '@freebind/conformance/vitest';
import { expect, test } from 'vitest';
import myBackend from '../examples/backend-toy/src/index.ts';
import packageJson from '../examples/backend-toy/package.json' with { type: 'json' };

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8');

/** Without whitespace: the formatter breaks and indents the lines of a block as it likes. */
const words = (text: string): string => text.replaceAll(/\s+/g, '');

describePlugin('the plugin of examples/backend-toy', myBackend({ queues: 4 }), packageJson);

test('docs/write-a-backend.md has the code of examples/backend-toy', () => {
  const blocks = [...read('docs/write-a-backend.md').matchAll(/```(?:ts|json)\n(.+?)```/gs)].map(
    ([, block = '']) => block,
  );
  const files = ['src/my-backend.ts', 'src/index.ts', 'package.json', 'tsconfig.json', 'test/conformance.test.ts'];
  expect(blocks).toHaveLength(files.length);
  files.forEach((file, i) => expect(words(read(`examples/backend-toy/${file}`))).toContain(words(blocks[i] ?? '-')));
});
