import { SPACE } from '@freebind/core';
import { loadPlugin } from '@freebind/conformance';
import { describePlugin, describeSpace } from '@freebind/conformance/vitest';
import { afterAll } from 'vitest';
import { IMAGEBIND_FILES, modelFolder } from '../../../test/golden/model-folder.ts';
import packageJson from '../package.json' with { type: 'json' };
import imagebind from '../src/index.ts';

const { folder, remove } = await modelFolder({
  ...IMAGEBIND_FILES,
  'imagebind_audio_ft.onnx': IMAGEBIND_FILES['imagebind_audio.onnx'],
});
afterAll(remove);
const plugin = imagebind({ models: folder, dimension: 24, threads: 1, workers: 1 });

describePlugin('ImageBind', plugin, packageJson);
for (const name of ['imagebind', 'imagebind†']) describeSpace(name, () => loadPlugin(plugin).getAsync(SPACE, { name }));
