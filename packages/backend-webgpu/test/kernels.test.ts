import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const folder = join(import.meta.dirname, '../src/kernels');
const kernels = readdirSync(folder).filter(
  (name) => !name.endsWith('.test.ts') && readFileSync(join(folder, name), 'utf8').includes('@compute'),
);

test.each(kernels)('%s says its shapes, bindings, dispatch and source, and has a check beside it', (name) => {
  const header = /\/\*\*((?:(?!\*\/).)*)\*\/\nexport function/s.exec(readFileSync(join(folder, name), 'utf8'))?.[1];
  for (const word of ['Shapes: ', 'Bindings: ', 'Dispatch: ', 'Source: ']) expect(header).toContain(word);
  expect(readdirSync(folder)).toContain(name.replace(/\.ts$/, '.test.ts'));
});
