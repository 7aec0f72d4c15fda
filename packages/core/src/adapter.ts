import type { Layer } from './network.ts';

/** Shape of a FuseMix adapter; the defaults are the published ones (paper, section 5.1 and appendix A). */
export interface AdapterShape {
  readonly input: number;
  /** Width of the fused space, p. */
  readonly output?: number;
  readonly blocks?: number;
  /** Width of a block's inner layer over its outer. */
  readonly expansion?: number;
  readonly dropout?: number;
}

/**
 * FuseMix's adapter: `blocks` × [x + Linear(GELU(Linear(LayerNorm x)))] → LayerNorm → Linear → L2-normalise;
 * [n, input] → [n, output] unit rows. Weight names are those of layer6ai-labs/fusemix `vis_proj`/`text_proj`.
 */
export function adapter({
  input,
  output = 512,
  blocks = 4,
  expansion = 4,
  dropout = 0.6,
}: AdapterShape): readonly Layer[] {
  const block = (i: number): Layer => ({
    kind: 'residual',
    name: String(i),
    layers: [
      { kind: 'layer-norm', name: 'ln', size: input, epsilon: 1e-5 },
      { kind: 'linear', name: 'fn.0', input, output: expansion * input },
      { kind: 'gelu' },
      { kind: 'dropout', rate: dropout },
      { kind: 'linear', name: 'fn.3', input: expansion * input, output: input },
    ],
  });
  return [
    ...Array.from({ length: blocks }, (_, i) => block(i)),
    { kind: 'layer-norm', name: String(blocks), size: input, epsilon: 1e-5 },
    { kind: 'linear', name: String(blocks + 1), input, output },
    { kind: 'normalise' },
  ];
}
