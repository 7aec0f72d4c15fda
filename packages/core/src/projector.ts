import type { Layer } from './network.ts';

/** Width of a projector's hidden layer: FreeBind `models/projector.py`, `Reaction_Head_mini`. */
export const PROJECTOR_HIDDEN = 2048;

/**
 * FreeBind's projector, one head for every modality of its source space:
 * Linear → BatchNorm → ReLU → Linear → BatchNorm → L2-normalise; [n, input] → [n, output] unit rows.
 * Weight names are those of the published `Head2.mlps` sequence; BatchNorm's constants are PyTorch's defaults.
 */
export function projector({
  input,
  output,
  hidden = PROJECTOR_HIDDEN,
}: {
  readonly input: number;
  readonly output: number;
  readonly hidden?: number;
}): readonly Layer[] {
  return [
    { kind: 'linear', name: '0', input, output: hidden },
    { kind: 'batch-norm', name: '1', size: hidden, epsilon: 1e-5, momentum: 0.1 },
    { kind: 'relu' },
    { kind: 'linear', name: '3', input: hidden, output },
    { kind: 'batch-norm', name: '4', size: output, epsilon: 1e-5, momentum: 0.1 },
    { kind: 'normalise' },
  ];
}
