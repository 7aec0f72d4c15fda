import { FreebindError } from '@freebind/core';
import type { Precision } from '@freebind/models';

const DEVICES = ['cpu', 'cuda', 'webgpu'] as const;

/** Where a graph runs. */
export interface EncoderPlacement {
  /** Default `cpu`. Nodes that a GPU's provider lacks run on the CPU. */
  readonly device?: (typeof DEVICES)[number];
  /** Threads of the CPU within one run. Default: all cores. */
  readonly threads?: number;
}

/** A graph file and where it runs. */
export interface PlacedGraph extends EncoderPlacement {
  readonly path: string;
}

/** What every space of encoders can be told. */
export interface EncoderOptions extends EncoderPlacement {
  /** A folder with the model's files; external data lie beside their graph. Default: freebind's own folder of models, then the hub's cache. */
  readonly models?: string | undefined;
  /** `fp16` and `q8` run the graphs whose names end in `_fp16.onnx` and `_quantized.onnx`. Default `fp32`. */
  readonly precision?: Precision;
  /** Most inputs of one run of an encoder. Default 16. */
  readonly batch?: number;
  /** Threads that decode and prepare pictures and sounds. Default: one a core. */
  readonly workers?: number;
  /** Columns of the embeddings, for graphs of another size than the published ones. Default: the published model's. */
  readonly dimension?: number;
}

/** @throws FREEBIND_ARGUMENT_INVALID for what is no device: onnxruntime would take the CPU in its place */
export function checkDevice(device: EncoderPlacement['device'] = 'cpu'): void {
  if (DEVICES.includes(device)) return;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `The device is ${JSON.stringify(device)}, expected one of ${DEVICES.join(', ')}.`,
  );
}
