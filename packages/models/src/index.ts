export { findModelFile, type ModelPlaces, modelsRoot, type Precision, variantFolder } from './find-model.ts';
export { dimensionOf, localModels } from './local-models.ts';
export {
  folderName,
  innerPath,
  type ModelFile,
  type ModelManifest,
  type ModelVariant,
  parseModelManifest,
  readModelManifest,
  variantOf,
} from './model-manifest.ts';
export { forgetModel } from './forget-model.ts';
export { allModels, findModel, type Model, nameOf } from './model-name.ts';
export { type FileState, stateOf } from './model-state.ts';
export { type Pulled, pullModel, type PullOptions } from './pull-model.ts';
export { type Removed, removeModel } from './remove-model.ts';
export { type Verified, verifyModel, type VerifyOptions } from './verify-model.ts';
