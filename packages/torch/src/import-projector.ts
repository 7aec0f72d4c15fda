import { checkNetwork, FreebindError, type Layer, type Network, parametersOf, type Tensor } from '@freebind/core';
import { readCheckpoint } from './checkpoint.ts';
import type { StoredTensor } from './stored-tensor.ts';

/**
 * The network of `layers` with weights from a checkpoint's state dict: parameter `0.weight` is the tensor `PREFIX0.weight`.
 * For any PyTorch `Sequential` that the layers can express, e.g. C-MCR's `Head_A.net.`; the caller says which they are, because
 * a checkpoint does not.
 *
 * @param options.prefix with its dot, e.g. `Head2.mlps.`; default none
 * @throws FREEBIND_BOND_INVALID when a tensor is missing, of another shape, or left over under the prefix
 * @throws FREEBIND_NUMBER_INVALID when a weight is NaN or Inf
 * @throws FREEBIND_FILE_MISSING FREEBIND_FILE_UNSAFE FREEBIND_FILE_INVALID as `readCheckpoint`
 */
export async function importProjector(
  path: string,
  { layers, prefix = '' }: { readonly layers: readonly Layer[]; readonly prefix?: string },
): Promise<Network> {
  const checkpoint = await readCheckpoint(path);
  try {
    const weights: Record<string, Tensor> = {};
    for (const [name, stored] of findParameters(checkpoint.stateDict, layers, prefix, path)) {
      weights[name] = await stored.read();
    }
    const network = { layers, weights };
    checkNetwork(network, `projector of ${path}`);
    return network;
  } finally {
    await checkpoint.close();
  }
}

/**
 * The tensor of each parameter of `layers`, whose name is its key. Nothing is read yet.
 *
 * @throws FREEBIND_BOND_INVALID when one is missing, of another shape, or left over under the prefix
 */
export function findParameters(
  stateDict: ReadonlyMap<string, StoredTensor>,
  layers: readonly Layer[],
  prefix: string,
  path: string,
): ReadonlyMap<string, StoredTensor> {
  const left = new Set([...stateDict.keys()].filter((key) => key.startsWith(prefix)));
  const found = parametersOf(layers).map(({ name, shape }): [string, StoredTensor] => {
    const key = `${prefix}${name}`;
    const stored = stateDict.get(key);
    if (stored === undefined) {
      throw invalid(
        path,
        `has no tensor "${key}" of shape [${shape.join(', ')}]; it has ${listed([...stateDict.keys()])}`,
      );
    }
    if (stored.shape.join() !== shape.join()) {
      throw invalid(path, `has "${key}" of shape [${stored.shape.join(', ')}], expected [${shape.join(', ')}]`);
    }
    left.delete(key);
    return [name, stored];
  });
  // PyTorch's BatchNorm counts its batches; only a momentum of None, which nobody publishes, would need the count.
  const stray = [...left].filter((key) => !key.endsWith('.num_batches_tracked'));
  if (stray.length > 0) throw invalid(path, `has ${listed(stray)}, for which the projector has no layer`);
  return new Map(found);
}

function listed(keys: readonly string[]): string {
  const shown = keys.slice(0, 6).map((key) => `"${key.slice(0, 80)}"`);
  return shown.length === 0 ? 'no tensors' : `${shown.join(', ')}${keys.length > 6 ? `, … (${keys.length})` : ''}`;
}

function invalid(path: string, what: string): FreebindError {
  return new FreebindError(
    'FREEBIND_BOND_INVALID',
    `${path} ${what}. It is another kind of network, or another prefix or shape was meant.`,
  );
}
