import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import * as torch from '../src/index.ts';
import { goldenFolder } from './golden.ts';

const TINY = fileURLToPath(new URL('../../../fixtures/torch', import.meta.url));
const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
const [reading = '', variant = '', projector = ''] = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(
  ([, code = '']) => code,
);

/** Runs an example of the README, which is plain JavaScript but for its import, with `console` and paths exchanged. */
async function run(example: string, paths: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const lines: string[] = [];
  const logger = { log: (...said: readonly unknown[]) => lines.push(said.join(' ')) };
  const code = Object.entries(paths).reduce(
    (text, [name, path]) => text.replaceAll(`'${name}'`, JSON.stringify(path)),
    example.replace(/^import .*$/m, ''),
  );
  // The constructor of async functions has no name of its own; what it makes takes the two parameters named here.
  const AsyncFunction = run.constructor as new (...text: string[]) => (...given: unknown[]) => Promise<void>;
  await new AsyncFunction('torch', 'console', `const { ${Object.keys(torch).join(', ')} } = torch;\n${code}`)(
    torch,
    logger,
  );
  return lines;
}

test('the example of reading lists every tensor', async () => {
  const lines = await run(reading, { 'best.pt': join(TINY, 'InternVL_IB_Proj/mix/best.pt') });
  expect(lines).toHaveLength(14);
  expect(lines[0]).toBe('Head2.mlps.0.weight float32 4,3');
});

test('the example of importing writes the bonds that it names', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'freebind-readme-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const name of ['IB_PP_G_Proj', 'IB_PP_M_Proj']) {
    await cp(join(TINY, 'InternVL_IB_Proj'), join(folder, 'checkpoints', name), { recursive: true });
  }
  const bonds = join(folder, 'bonds');
  await run(variant, { checkpoints: join(folder, 'checkpoints'), bonds });
  expect((await readdir(bonds)).map((name) => `bonds/${name}`)).toEqual(/^\/\/ (.*)$/m.exec(variant)?.[1]?.split(', '));
});

test('the example of other projectors reads C-MCR’s', async ({ skip }) => {
  const path = join(goldenFolder(), 'projectors/ulip_clip.pt');
  if (!existsSync(path)) skip('the 2 MB checkpoint is only in the full golden folder');
  await expect(run(projector, { 'ulip_clip.pt': path })).resolves.toEqual([]);
});
