export { findModelFile, type ModelPlaces, modelsRoot, type Precision, variantFolder } from './find-model.ts';
export { dimensionOf, localModels } from './local-models.ts';
export {
  type ModelFile,
  type ModelManifest,
  type ModelVariant,
  parseModelManifest,
  readModelManifest,
  variantOf,
} from './model-manifest.ts';
