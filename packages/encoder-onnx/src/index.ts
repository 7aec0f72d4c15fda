export { checkGraph, type ElementType, type Feed, type GraphContract, type GraphPorts, type Port } from './contract.ts';
export { EncoderSpace, type Feeds, type ModalityEncoder, type ModalityEncoders } from './encoder-space.ts';
export type { EncoderPlacement, GraphRows } from './encoder-thread.ts';
export { OnnxEncoder, type OnnxEncoderOptions } from './onnx-encoder.ts';
