// From three clips, three pictures and three texts to the tables of a published variant, with tiny random encoders:
// `npm run retrieve`, or `npm run retrieve -- internvl_ib_ft++ --factors at-expertise`.
import { spawnSync } from 'node:child_process';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { layTinyModels } from './tiny-models.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const here = (path: string): string => relative(process.cwd(), join(root, path));
const { models, bonds } = await layTinyModels(here('.freebind/tiny'));

const [given = 'imagebind++', ...options] = process.argv.slice(2);
const files = (kind: string): readonly string[] =>
  ['BBQ', 'toilet', 'train'].map((name) => here(`examples/retrieve/media/${name}.${kind}`));
const texts = ['an audio of barbeque', 'an audio of toilet', 'an audio of train']; // FreeBind's README
const args = ['retrieve', given, '--bonds', bonds, '--audio', ...files('wav'), '--image', ...files('jpeg')];
args.push('--text', ...texts, ...options);

const typed = args.map((arg) => (arg.includes(' ') ? `"${arg}"` : arg)).join(' ');
console.error(`FREEBIND_MODELS=${models} npx --no -- freebind ${typed}\n`);
const { status } = spawnSync(process.execPath, [join(root, 'packages/cli/bin/freebind.js'), ...args], {
  stdio: 'inherit',
  env: { ...process.env, FREEBIND_MODELS: models },
});
process.exitCode = status ?? 1;
