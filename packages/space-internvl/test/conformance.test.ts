import { SPACE } from '@freebind/core';
import { loadPlugin } from '@freebind/conformance';
import { describePlugin, describeSpace } from '@freebind/conformance/vitest';
import { afterAll } from 'vitest';
import { INTERNVL_FILES, modelFolder } from '../../../test/golden/model-folder.ts';
import packageJson from '../package.json' with { type: 'json' };
import internvl from '../src/index.ts';

const { folder, remove } = await modelFolder(INTERNVL_FILES);
afterAll(remove);
const plugin = internvl({ models: folder, dimension: 24, threads: 1, workers: 1 });

describePlugin('InternVL-C', plugin, packageJson);
describeSpace('internvl', () => loadPlugin(plugin).getAsync(SPACE, { name: 'internvl' }));
