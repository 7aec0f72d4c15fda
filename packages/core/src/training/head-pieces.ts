import { join } from 'node:path';
import { readBond, writeBond } from '../files/bond-folder.ts';
import { pieceName } from '../files/pieces.ts';
import type { Json } from '../files/provenance.ts';
import type { Network } from '../network.ts';
import type { SourceSubset } from '../pseudo-pairs/source-subsets.ts';
import type { BondPlan } from './bond.ts';
import { readFinished } from './finished.ts';

/** A trained head: its network, its losses in nats, and where they come from. */
export interface TrainedHead {
  readonly network: Network;
  readonly losses: readonly number[];
  /** The manifest of the backend that trained it, or took its last steps. */
  readonly backend: Json;
  /** A sentence on what took its steps, if that was more than one. */
  readonly note?: string;
}

/** The heads that the reuse folder has. Another device may have made them: `originOf` says so. */
export async function takeHeads(reuse: string | undefined, plan: BondPlan): Promise<ReadonlyMap<string, TrainedHead>> {
  const taken = new Map<string, TrainedHead>();
  if (reuse === undefined) return taken;
  for (const head of plan.heads) {
    // One that cannot be read is trained again, and replaced.
    const there = await readFinished(join(reuse, headPiece(plan, head)), readBond, true);
    const [network, losses] = [there?.bond.networks[head.name], there?.provenance.lossCurve?.[head.name]];
    if (network === undefined || losses === undefined) continue;
    const { backend = plan.provenance.backend, notes } = there?.provenance ?? {};
    taken.set(head.name, { network, losses, backend, ...(notes?.[0] !== undefined && { note: notes[0] }) });
  }
  return taken;
}

/** Puts a head into the reuse folder, as a bond of this one head, so that a piece is read as any bond is. */
export async function keepHead(
  reuse: string,
  plan: BondPlan,
  head: SourceSubset,
  { network, losses, backend, note }: TrainedHead,
): Promise<void> {
  const bond = { manifest: { ...plan.manifest, heads: [head.name] }, networks: { [head.name]: network } };
  const lossCurve = { [head.name]: losses };
  const provenance = { ...plan.provenance, backend, lossCurve, ...(note !== undefined && { notes: [note] }) };
  await writeBond(join(reuse, headPiece(plan, head)), bond, provenance, { replace: true });
}

/** Name of a head among finished pieces. Which other heads its bond has, and how bonds of the other kind are trained, makes no difference to it. */
export function headPiece(
  { training, manifest, provenance, arithmetic }: BondPlan,
  { name, sources }: SourceSubset,
): string {
  const { heads: _heads, epochs, ...options } = training;
  const { kind, from, into, shared } = manifest;
  return pieceName({
    kind: 'head',
    name,
    sources,
    bond: { kind, from, into, shared },
    options: { ...options, epochs: epochs[kind] },
    data: provenance.data,
    backend: arithmetic,
  });
}

/**
 * What a bond says of where its heads were trained: the one device if there is one, which need not be the one that put them
 * together; else the one `here`, with a note on every head that another had a part in.
 */
export function originOf(
  heads: Readonly<Record<string, TrainedHead>>,
  here: Json,
): { readonly backend: Json; readonly notes?: readonly string[] } {
  const [first, ...others] = Object.values(heads);
  const isOne = others.every(({ backend }) => deviceOf(backend) === deviceOf(first?.backend));
  const backend = isOne && first !== undefined ? first.backend : here;
  const notes = Object.entries(heads).flatMap(([name, head]): readonly string[] => {
    if (head.note !== undefined) return [head.note];
    const device = deviceOf(head.backend);
    return device === deviceOf(backend) ? [] : [`Head "${name}" was trained on another device: ${device}.`];
  });
  return { backend, ...(notes.length > 0 && { notes }) };
}

/** The device of a manifest that a file holds. Of a piece it is all that may differ: its name says the arithmetic. */
function deviceOf(backend: Json | undefined): string {
  const device = typeof backend === 'object' && backend !== null && 'device' in backend ? backend.device : undefined;
  return typeof device === 'string' ? device : 'unknown';
}
