import { join } from 'node:path';
import { FreebindError, isFreebindError } from '../errors.ts';
import {
  checkNetwork,
  inputWidth,
  type Layer,
  type Network,
  outputWidth,
  parametersOf,
  type Tensor,
} from '../network.ts';
import { checkReplaceable, type FolderOptions, writeFileAtomic, writeFolderAtomic } from './atomic.ts';
import { digestJson, digestWeights } from './digest.ts';
import { checkDepth } from './json-depth.ts';
import { recoverFolder } from './leftovers.ts';
import { errnoOf, readText } from './ranged-file.ts';
import { openSafetensors } from './safetensors.ts';
import { writeSafetensors } from './safetensors-writer.ts';
import { parseFacts } from './schema.ts';

/** Name of the file with the weights of every network of a folder, `NETWORK/PARAMETER`. */
export const WEIGHTS_FILE = 'weights.safetensors';
/** Of the JSON beside it. Another version is refused, not guessed at. */
export const FORMAT_VERSION = 1;

/** What a folder is; its JSON file is named after it. */
export type FolderKind = 'bond' | 'space';

/** Named networks and what is said of them: a folder with one JSON file and one safetensors file, written as one. */
export interface NetworkFolder {
  readonly kind: FolderKind;
  /** Everything else that the JSON file says, as plain data. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly networks: Readonly<Record<string, Network>>;
}

/** Writes the folder whole or not at all; the same networks and facts give the same bytes. @throws FREEBIND_BOND_INVALID FREEBIND_FILE_INVALID FREEBIND_OUTPUT_EXISTS FREEBIND_WRITE_FAILED */
export async function writeNetworkFolder(
  dir: string,
  { kind, facts, networks }: NetworkFolder,
  options: { readonly replace?: boolean } = {},
): Promise<void> {
  const layers: Record<string, readonly Layer[]> = {};
  const tensors: Record<string, Tensor> = {};
  checkDepth({ facts, networks: Object.values(networks).map((network) => network.layers) }, join(dir, `${kind}.json`));
  for (const [name, network] of Object.entries(networks)) {
    checkFits(network, `network "${name}"`, dir);
    layers[name] = network.layers;
    for (const parameter of parametersOf(network.layers)) {
      const tensor = network.weights[parameter.name];
      if (tensor !== undefined) tensors[`${name}/${parameter.name}`] = tensor;
    }
  }
  const said = { formatVersion: FORMAT_VERSION, ...facts, layers };
  const text = describe({ ...said, checksums: { facts: digestJson(said), weights: digestWeights(tensors) } });
  // What could not be read again is not written.
  await parseFacts(kind, JSON.parse(text), join(dir, `${kind}.json`));
  await writeFolderAtomic(
    dir,
    async (aside) => {
      await writeSafetensors(join(aside, WEIGHTS_FILE), tensors);
      await writeFileAtomic(join(aside, `${kind}.json`), text);
    },
    replaceable(kind, options),
  );
}

/** Refuses before any work what writing the folder would refuse after it. @throws FREEBIND_OUTPUT_EXISTS when `dir` holds anything else, or without `replace` anything */
export function checkFolderFree(
  dir: string,
  kind: FolderKind,
  options: { readonly replace?: boolean | undefined } = {},
): Promise<void> {
  return checkReplaceable(dir, replaceable(kind, options));
}

function replaceable(kind: FolderKind, { replace = false }: { readonly replace?: boolean | undefined }): FolderOptions {
  return { replace: replace ? [`${kind}.json`, WEIGHTS_FILE] : [] };
}

/** JSON on lines of their own, but for lists of plain values: a loss curve is one line. */
function describe(facts: object): string {
  const spread = JSON.stringify(facts, null, 2);
  // A line break is never inside of a string of JSON.
  return `${spread.replaceAll(/\[\n\s+([^[\]{}]*?)\n\s*\]/g, (_, list: string) => `[${list.replaceAll(/\n\s+/g, ' ')}]`)}\n`;
}

/** What `dir`'s JSON file says, not yet checked but for its version. @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID */
export async function readFacts(dir: string, kind: FolderKind): Promise<unknown> {
  await recoverFolder(dir);
  const json = `${kind}.json`;
  const path = join(dir, json);
  const text = await readText(path).catch((error: unknown) => {
    const missing =
      isFreebindError(error, 'FREEBIND_FILE_MISSING') && ['ENOENT', 'ENOTDIR'].includes(errnoOf(error.cause) ?? '');
    if (!missing) throw error;
    throw new FreebindError(
      'FREEBIND_FILE_MISSING',
      `There is no ${json} in ${dir}; a folder with ${json} and ${WEIGHTS_FILE} was expected. Check the path for a slip.`,
      { cause: error },
    );
  });
  let facts: unknown;
  try {
    facts = JSON.parse(text);
  } catch (cause) {
    throw new FreebindError('FREEBIND_FILE_INVALID', `${path} is not JSON. Write or copy the folder again.`, { cause });
  }
  checkDepth(facts, path);
  const version =
    typeof facts === 'object' && facts !== null && 'formatVersion' in facts ? facts.formatVersion : undefined;
  if (version !== FORMAT_VERSION) {
    throw new FreebindError(
      'FREEBIND_FILE_INVALID',
      `${path} has ${version === undefined ? 'no formatVersion' : `formatVersion ${JSON.stringify(version).slice(0, 80)}`}, but this freebind reads ${FORMAT_VERSION}. Update freebind, or write the folder with this one.`,
    );
  }
  checkFacts(facts, path);
  return facts;
}

/** Refuses facts that are not those that were written. Folders of before there were checksums have none. @throws FREEBIND_FILE_INVALID */
function checkFacts(facts: unknown, path: string): void {
  if (typeof facts !== 'object' || facts === null || !('checksums' in facts)) return;
  const { checksums, ...said } = facts;
  const written = typeof checksums === 'object' && checksums !== null && 'facts' in checksums && checksums.facts;
  if (written === digestJson(said)) return;
  throw new FreebindError(
    'FREEBIND_FILE_INVALID',
    `${path} is not as it was written: its text does not have the checksum that it states. Copy the folder again; if you changed the text on purpose, delete its "checksums".`,
  );
}

/** The networks of `layers` with their weights from `dir`, checked, also against the checksum if there is one; nothing else may be in the file. @throws FREEBIND_BOND_INVALID FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID */
export async function readNetworks(
  dir: string,
  layers: Readonly<Record<string, readonly Layer[]>>,
  checksum?: string,
): Promise<Readonly<Record<string, Network>>> {
  const path = join(dir, WEIGHTS_FILE);
  const file = await openSafetensors(path);
  try {
    const networks: Record<string, Network> = {};
    const tensors: Record<string, Tensor> = {};
    const left = new Set(file.names);
    for (const [name, list] of Object.entries(layers)) {
      const weights: Record<string, Tensor> = {};
      for (const parameter of parametersOf(list)) {
        const key = `${name}/${parameter.name}`;
        // What is missing is named by checkNetwork, with the shape that it should have.
        if (left.delete(key)) tensors[key] = weights[parameter.name] = await file.tensor(key);
      }
      const network = { layers: list, weights };
      checkFits(network, `network "${name}" of ${path}`, dir);
      networks[name] = network;
    }
    const [stray] = left;
    if (stray !== undefined) {
      throw new FreebindError(
        'FREEBIND_BOND_INVALID',
        `${path} holds "${stray}", which is no parameter of the layers that the JSON beside it lists. The two files belong to different folders; copy both from one.`,
      );
    }
    if (checksum !== undefined && checksum !== digestWeights(tensors)) {
      throw new FreebindError(
        'FREEBIND_FILE_INVALID',
        `The numbers in ${path} are not those that were written: they do not have the checksum that the JSON beside them states. Copy the folder again, or make it anew.`,
      );
    }
    return networks;
  } finally {
    await file.close();
  }
}

/** Widths of the rows that `layers` take and give. @throws what `invalid` makes of the reason when they do not fit together */
export function widthsOf(
  layers: readonly Layer[],
  invalid: (found: string) => FreebindError,
): readonly [input: number, output: number] {
  try {
    return [inputWidth(layers), outputWidth(layers)];
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause));
  }
}

/** @throws FREEBIND_BOND_INVALID when the layers do not fit together or the weights are not theirs and finite */
function checkFits(network: Network, name: string, dir: string): void {
  try {
    checkNetwork(network, name);
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new FreebindError('FREEBIND_BOND_INVALID', `${dir} does not fit together: ${found}`, { cause });
  }
}
