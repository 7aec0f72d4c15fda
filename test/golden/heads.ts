import { type Layer, type Network, parametersOf, projector, type Tensor } from '@freebind/core';
import { readCheckpoint } from '@freebind/torch';
import { expect, test } from 'vitest';
import type { GoldenBackend } from './backends.ts';
import { expectClose, toleranceOf } from './compare.ts';
import { type GoldenEntry, goldenPath, readArray, readTensors } from './folder.ts';

/** A published head: a file of weights, rows, and what PyTorch makes of them. */
interface Head {
  readonly weights: GoldenEntry;
  readonly input: GoldenEntry;
  readonly output: GoldenEntry;
  /** The layers and the prefix of their names in the file, from the weights that are there. */
  readonly network: (weights: Readonly<Record<string, Tensor>>) => Network;
}

/** Tests heads of FreeBind and C-MCR on every backend, and gives the ids they read or compared. */
export function testHeads(entries: readonly GoldenEntry[], backends: readonly GoldenBackend[]): readonly string[] {
  const heads = [...reactionHeads(entries), ...halfHeads(entries)];
  const cases = backends.flatMap((backend) => heads.map((head) => ({ ...head, backend })));
  test.for(cases)('$weights.id gives $output.id on $backend.name', async (head, { skip }) => {
    const { backend, weights, input, output, network } = head;
    if (backend.unavailable !== undefined) skip(backend.unavailable);
    const opened = await backend.open();
    try {
      const runner = await opened.openProjector([network(await readWeights(weights.file))]);
      const [rows, expected] = [await runner.project(await readArray(input.file)), await readArray(output.file)];
      expect([rows.rows, rows.cols]).toEqual([expected.rows, expected.cols]);
      expectClose(rows.data, expected.data, toleranceOf(output, backend.precision), output.id);
    } finally {
      await opened.close();
    }
  });
  return heads.flatMap(({ weights, input, output }) => [weights.id, input.id, output.id]);
}

/** `Reaction_Head_mini`, FreeBind's projector, from `.pt` and from safetensors: each against each output. */
function reactionHeads(entries: readonly GoldenEntry[]): readonly Head[] {
  return entries.flatMap((weights) => {
    const [, name] = /^projectors\/(?:full\/)?(reaction_\d+_\d+)\.(?:pt|safetensors)$/.exec(weights.id) ?? [];
    const input = entries.find(({ id }) => id === `projectors/${name}.input`);
    const outputs = entries.filter(({ id }) => id.startsWith(`projectors/${name}.output`));
    if (name === undefined || input === undefined) return [];
    return outputs.map((output) => ({ weights, input, output, network: reactionHead }));
  });
}

const reactionHead: Head['network'] = (tensors) => {
  const [hidden = 0, from = 0] = tensors['Head2.mlps.0.weight']?.shape ?? [];
  const [into = 0] = tensors['Head2.mlps.3.weight']?.shape ?? [];
  return select(projector({ input: from, hidden, output: into }), 'Head2.mlps.', tensors);
};

/** C-MCR's `MLP_Half`, half a projector: Linear → BatchNorm → ReLU, its rows not normalised. */
function halfHeads(entries: readonly GoldenEntry[]): readonly Head[] {
  const weights = entries.find(({ id }) => id === 'projectors/ulip_clip.pt');
  const input = entries.find(({ id }) => id === 'projectors/cmcr_ulip.input');
  if (weights === undefined || input === undefined) return [];
  return entries.flatMap((output) => {
    const [, letter] = /^projectors\/cmcr_ulip\.head_([ab])$/.exec(output.id) ?? [];
    if (letter === undefined) return [];
    const prefix = `Head_${letter.toUpperCase()}.net.`;
    const network: Head['network'] = (tensors) => {
      const [into = 0, from = 0] = tensors[`${prefix}0.weight`]?.shape ?? [];
      const layers: readonly Layer[] = [
        { kind: 'linear', name: '0', input: from, output: into },
        { kind: 'batch-norm', name: '1', size: into, epsilon: 1e-5, momentum: 0.1 },
        { kind: 'relu' },
      ];
      return select(layers, prefix, tensors);
    };
    return [{ weights, input, output, network }];
  });
}

async function readWeights(file: string): Promise<Readonly<Record<string, Tensor>>> {
  if (!file.endsWith('.pt')) return readTensors(file);
  const checkpoint = await readCheckpoint(goldenPath(file));
  try {
    const tensors = [...checkpoint.stateDict].map(async ([name, stored]) => [name, await stored.read()] as const);
    return Object.fromEntries(await Promise.all(tensors));
  } finally {
    await checkpoint.close();
  }
}

function select(layers: readonly Layer[], prefix: string, tensors: Readonly<Record<string, Tensor>>): Network {
  const weights = parametersOf(layers).flatMap(({ name }) => {
    const tensor = tensors[prefix + name];
    return tensor === undefined ? [] : [[name, tensor] as const];
  });
  return { layers, weights: Object.fromEntries(weights) };
}
