import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import wabt from 'wabt';

// `npx vitest run packages/preprocess/test/kernel-code.test.ts -u` writes the code anew.
test('the code of the kernels is what their source assembles to', async () => {
  const source = await readFile(fileURLToPath(new URL('../kernels/kernels.wat', import.meta.url)), 'utf8');
  const module = (await wabt()).parseWat('kernels.wat', source, { simd: true });
  module.validate();
  const code = Buffer.from(module.toBinary({}).buffer).toString('base64');
  module.destroy();
  const file = `/** \`kernels/kernels.wat\`, assembled by \`test/kernel-code.test.ts\`. */\nexport const KERNEL_CODE =\n  '${code}';\n`;
  await expect(file).toMatchFileSnapshot('../src/kernel-code.ts');
});
