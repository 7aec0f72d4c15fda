import { API_VERSION, definePlugin, type Plugin, SPACE } from '@freebind/core';
import { type OnnxSpaceConfig, readOnnxSpaceConfig } from './config.ts';
import { onnxModels } from './onnx-models.ts';
import { onnxSpace } from './onnx-space.ts';

export { type OnnxSpaceConfig, type OnnxSpaceSettings, readOnnxSpaceConfig } from './config.ts';
export { onnxModels } from './onnx-models.ts';
export { onnxSpace } from './onnx-space.ts';

/**
 * A space made by configuration, as a plugin: `onnx({ id: 'clip', dimension: 512, modalities: { … } })`, or in a config
 * `['@freebind/space-onnx', { … }]`, once for each space. Without options it brings nothing.
 */
const onnx: Plugin<OnnxSpaceConfig> = definePlugin<OnnxSpaceConfig>(
  { apiVersion: API_VERSION, package: '@freebind/space-onnx' },
  ({ bind }, options) => {
    if (isEmpty(options)) return;
    const settings = readOnnxSpaceConfig(options);
    bind(SPACE)
      .toResolvedValue(() => onnxSpace(settings), [])
      .inSingletonScope()
      .whenNamed(settings.id)
      .onDeactivation((space) => space.close());
  },
  (options) => {
    if (isEmpty(options)) return {};
    const settings = readOnnxSpaceConfig(options);
    return { spaces: [settings.id], modelList: onnxModels(settings) };
  },
);

function isEmpty(options: object): boolean {
  return Object.keys(options).length === 0;
}

export default onnx;
