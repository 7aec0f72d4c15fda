import type { Backend, ProjectorRunner } from './backend.ts';
import type { Bond, BondData, BondManifest } from './bond.ts';
import { FreebindError } from './errors.ts';
import { checkNetwork, inputWidth, type Network, outputWidth } from './network.ts';
import type { Embeddings, SpaceRows } from './space.ts';

/**
 * Puts a bond's heads on a backend, in the manifest's order, after checking that they fit the spaces it names.
 *
 * @throws FREEBIND_BOND_INVALID when heads are missing or of other widths
 */
export async function openBond(data: BondData, backend: Backend): Promise<Bond> {
  const heads = checkBond(data);
  return new OpenedBond(data.manifest, await backend.openProjector(heads));
}

/** The networks of a bond in the order of its heads, checked against its manifest. @throws FREEBIND_BOND_INVALID */
export function checkBond({ manifest, networks }: BondData): readonly Network[] {
  const { id, from, into, heads } = manifest;
  const invalid = (what: string, cause?: unknown): FreebindError =>
    new FreebindError('FREEBIND_BOND_INVALID', `Bond "${id}" ${what} Train or import it again.`, { cause });
  const extra = Object.keys(networks).filter((head) => !heads.includes(head));
  if (heads.length === 0) throw invalid('has no heads; a bond is a mixture of at least one.');
  if (extra.length > 0) throw invalid(`has networks that its manifest does not list: ${extra.join(', ')}.`);
  return heads.map((head) => {
    const network = Object.hasOwn(networks, head) ? networks[head] : undefined;
    if (network === undefined) throw invalid(`lists a head "${head}", but has no network of that name.`);
    try {
      checkNetwork(network, `head "${head}"`);
    } catch (error) {
      throw invalid(
        `has a head "${head}" that is damaged: ${error instanceof Error ? error.message : String(error)}`,
        error,
      );
    }
    const [input, output] = [inputWidth(network.layers), outputWidth(network.layers)];
    if (input !== from.dimension || output !== into.dimension) {
      throw invalid(
        `goes from "${from.space}" (${from.dimension}) into "${into.space}" (${into.dimension}), but its head "${head}" takes ${input} columns and gives ${output}.`,
      );
    }
    return network;
  });
}

class OpenedBond implements Bond {
  readonly manifest: BondManifest;
  readonly #runner: ProjectorRunner;
  #closed = false;

  constructor(manifest: BondManifest, runner: ProjectorRunner) {
    this.manifest = manifest;
    this.#runner = runner;
  }

  async carry(embeddings: Embeddings): Promise<SpaceRows> {
    const { id, from, into } = this.manifest;
    if (this.#closed) {
      throw new FreebindError('FREEBIND_CLOSED', `Bond "${id}" was closed and carries nothing more; open it again.`);
    }
    if (embeddings.space !== from.space || embeddings.cols !== from.dimension) {
      throw new FreebindError(
        'FREEBIND_SPACE_MISMATCH',
        `Embeddings belong to "${embeddings.space}" (${embeddings.cols}), but bond "${id}" reads "${from.space}" (${from.dimension}). ` +
          `Embed with that space, or pick a bond from "${embeddings.space}".`,
      );
    }
    const rows = await this.#runner.project(embeddings);
    return { ...rows, space: into.space };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#runner.close();
  }
}
