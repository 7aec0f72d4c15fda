import type { Backend, ProjectorRunner } from '../backend.ts';
import { matrix } from '../matrix.ts';
import { checkNetwork, inputWidth, type Network, outputWidth } from '../network.ts';
import { tableOf } from '../table.ts';
import { LATENTS_LAYER } from './latents.ts';

/** An adapter with the frozen layer of its latents in front, if it has one: features [n, d] ↦ unit rows. @throws as `openProjector` */
export async function openAdapter(network: Network, backend: Backend): Promise<ProjectorRunner> {
  const [first, ...trained] = network.layers;
  if (first?.kind !== 'linear' || first.name !== LATENTS_LAYER) return backend.openProjector([network]);
  const { weights } = network;
  const latents = await openLatents({ layers: [first], weights }, backend);
  try {
    const adapter = await backend.openProjector([{ layers: trained, weights }]);
    return {
      project: async (rows) => adapter.project(await latents.project(rows)),
      close: async () => void (await Promise.all([latents.close(), adapter.close()])),
    };
  } catch (error) {
    await latents.close();
    throw error;
  }
}

/**
 * The layer of latents alone, features · weightᵀ + bias, as scores of a bank: a backend may round the factors of a network's products
 * (mixed precision), but features have any scale, and whitening enlarges what is small among them.
 */
export async function openLatents(layer: Network, backend: Backend): Promise<ProjectorRunner> {
  checkNetwork(layer, 'layer of latents');
  const [weight, bias] = ['weight', 'bias'].map((name) => layer.weights[`${LATENTS_LAYER}.${name}`]?.data);
  const cols = outputWidth(layer.layers);
  const bank = await backend.openBank({ keys: tableOf(matrix(cols, inputWidth(layer.layers), weight)) });
  return {
    project: async (rows) => {
      const out = await bank.scores(rows);
      for (let i = 0; i < out.data.length; i++) out.data[i] = (out.data[i] ?? 0) + (bias?.[i % cols] ?? 0);
      return out;
    },
    close: () => bank.close(),
  };
}
