import { SPACE } from '@freebind/core';
import { loadPlugin } from '@freebind/conformance';
import { describePlugin, describeSpace } from '@freebind/conformance/vitest';
import { afterAll } from 'vitest';
import { CLAP_FILES, modelFolder } from '../../../test/golden/model-folder.ts';
import packageJson from '../package.json' with { type: 'json' };
import clap from '../src/index.ts';

describePlugin('CLAP', clap(), packageJson);

for (const model of ['general', 'music', 'unfused'] as const) {
  const { folder, remove } = await modelFolder(CLAP_FILES[model]);
  afterAll(remove);
  const plugin = clap({ space: `clap-${model}`, models: folder, dimension: 16, threads: 1, workers: 1 });
  describeSpace(`clap-${model}`, () => loadPlugin(plugin).getAsync(SPACE, { name: `clap-${model}` }));
}
