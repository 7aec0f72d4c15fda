export {
  checkGraph,
  type ElementType,
  type Feed,
  type GraphContract,
  type GraphPorts,
  type GraphRows,
  type Port,
} from './contract.ts';
export type { EncoderOptions, EncoderPlacement } from './encoder-placement.ts';
export {
  EncoderSpace,
  type EncoderSpaceOptions,
  type Feeds,
  type ModalityEncoder,
  type ModalityEncoders,
} from './encoder-space.ts';
export { type EncoderModel, encoderModel } from './encoder-model.ts';
export type { Example } from './example-feeds.ts';
export { OnnxEncoder, type OnnxEncoderOptions } from './onnx-encoder.ts';
export { type GraphFinding, proveGraph } from './prove-graph.ts';
export { tracedBatch } from './traced-batch.ts';
export { checkText, kept } from './text-input.ts';
