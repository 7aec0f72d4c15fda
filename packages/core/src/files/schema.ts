import type { BondManifest } from '../bond.ts';
import { FreebindError } from '../errors.ts';
import type { Layer } from '../network.ts';
import type { SpaceManifest } from '../space.ts';
import type { Provenance } from './provenance.ts';

/** SHA-256, in hex: of everything else in the JSON file, and of the tensors beside it. */
export interface Checksums {
  readonly facts: string;
  readonly weights: string;
}

/** What `bond.json` says. */
export interface BondFacts {
  readonly manifest: BondManifest;
  readonly provenance: Provenance;
  readonly layers: Readonly<Record<string, readonly Layer[]>>;
  readonly checksums?: Checksums;
}

/** What `space.json` says. */
export interface SpaceFacts {
  readonly manifest: SpaceManifest;
  readonly temperature: number;
  readonly provenance: Provenance;
  readonly layers: Readonly<Record<string, readonly Layer[]>>;
  readonly checksums?: Checksums;
}

/** Checks what `bond.json` or `space.json` says. @throws FREEBIND_FILE_INVALID naming the key and what was expected */
export async function parseFacts(kind: 'bond', facts: unknown, path: string): Promise<BondFacts>;
export async function parseFacts(kind: 'space', facts: unknown, path: string): Promise<SpaceFacts>;
export async function parseFacts(kind: 'bond' | 'space', facts: unknown, path: string): Promise<BondFacts | SpaceFacts>;
export async function parseFacts(
  kind: 'bond' | 'space',
  facts: unknown,
  path: string,
): Promise<BondFacts | SpaceFacts> {
  // Loaded when a folder is read, because loading zod takes longer than all of core.
  const { z } = await import('zod');
  const name = z.string().min(1);
  const width = z.int().min(1);
  const rate = z.number().min(0).lt(1);
  const layer = z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('linear'), name, input: width, output: width }),
    z.strictObject({
      kind: z.literal('batch-norm'),
      name,
      size: width,
      epsilon: z.number().min(0),
      momentum: z.number(),
    }),
    z.strictObject({ kind: z.literal('layer-norm'), name, size: width, epsilon: z.number().min(0) }),
    z.strictObject({ kind: z.literal('relu') }),
    z.strictObject({ kind: z.literal('gelu') }),
    z.strictObject({ kind: z.literal('dropout'), rate }),
    z.strictObject({
      kind: z.literal('residual'),
      name,
      get layers() {
        return z.array(layer);
      },
    }),
    z.strictObject({ kind: z.literal('normalise') }),
  ]);
  const names = z.array(name);
  const text = z.string();
  const provenance = z.strictObject({
    createdBy: z.strictObject({ package: text, version: text }).exactOptional(),
    createdAt: text.exactOptional(),
    options: z.json().exactOptional(),
    seed: z.number().exactOptional(),
    backend: z.json().exactOptional(),
    lossCurve: z.record(text, z.array(z.number())).exactOptional(),
    data: z.record(text, text).exactOptional(),
    source: text.exactOptional(),
    license: text.exactOptional(),
    notes: z.array(text).exactOptional(),
  });
  const end = z.strictObject({ space: name, dimension: width });
  const checksums = z.strictObject({ facts: text, weights: text }).exactOptional();
  const shared = { formatVersion: z.number(), provenance, layers: z.record(name, z.array(layer)), checksums };
  const bond = z.strictObject({
    ...shared,
    manifest: z.strictObject({
      id: name,
      kind: z.enum(['combination', 'displacement']),
      from: end,
      into: end,
      shared: names,
      heads: names.min(1),
    }),
  });
  const space = z.strictObject({
    ...shared,
    temperature: z.number().positive(),
    manifest: z.strictObject({
      id: name,
      dimension: width,
      modalities: names.min(1),
      source: z.strictObject({ paper: text, checkpoint: text, license: text }),
    }),
  });

  const parsed = (kind === 'bond' ? bond : space).safeParse(facts);
  if (parsed.success) return parsed.data;
  throw new FreebindError(
    'FREEBIND_FILE_INVALID',
    `${path} is not a description of a ${kind}: ${parsed.error.issues
      .slice(0, 3)
      .map((issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`)
      .join('; ')}. Write or copy the folder again.`,
    { cause: parsed.error },
  );
}
