import { readFileSync } from 'node:fs';
import { FreebindError } from '@freebind/core';
import { z } from 'zod';

/** A path that stays below the folder it is joined to: no `..`, no `.`, nothing absolute, no drive, no backslash. */
export const innerPath = z
  .string({ error: 'give a relative path without ..' })
  .regex(/^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[\w.-]+(?:\/[\w.-]+)*$/, { error: 'give a relative path without ..' });
/** A name that is one folder. */
export const folderName = innerPath.regex(/^[^/]+$/, { error: 'give a name without /' });

/** One file of a model. */
const file = z.strictObject({
  /** Within the model's folder, with `/`. */
  path: innerPath,
  /** The variant of the same space in whose folder it lies, where several share it. */
  of: folderName.optional(),
  /** Bytes; null where no public page tells, and for files that everyone exports for themselves. */
  size: z.number().int().positive().nullable(),
  /** In hex; null as for `size`. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  /** Where it can be had; null for a file that has to be exported, which `note` explains. */
  url: z.url({ protocol: /^https?$/ }).nullable(),
  /** The file of a Hugging Face repository that it is. */
  huggingFace: z
    .strictObject({
      repo: z.string().regex(/^(?!\.)[\w.-]+\/(?!\.)[\w.-]+$/, { error: 'give organisation/name' }),
      revision: innerPath,
      file: innerPath,
    })
    .optional(),
  note: z.string().optional(),
});

/** What inputs look like that a graph can be tried on: numbers of a mean and deviation, texts of token ids, or the mask of another input's tokens. */
const example = z.union([
  z.strictObject({ mean: z.number(), deviation: z.number().positive() }),
  z.strictObject({
    begin: z.array(z.number().int()),
    end: z.number().int(),
    pad: z.number().int(),
    /** First and last id of ordinary words. */
    words: z.tuple([z.number().int(), z.number().int()]),
  }),
  z.strictObject({ maskOf: z.string() }),
]);

const port = z.strictObject({
  type: z.enum(['float32', 'int64', 'bool']),
  dims: z.array(z.union([z.number().int().positive(), z.string()])),
  /** For `freebind models check`. Default: mean 0 and deviation 1. */
  example: example.optional(),
});

/** What an ONNX file must take and give. */
const graph = z.strictObject({
  inputs: z.record(z.string(), port),
  output: z.string(),
  dimension: z.number().int().positive(),
});

const variant = z.strictObject({
  description: z.string(),
  /** Ids of the spaces that are made of it. */
  spaces: z.array(z.string()).optional(),
  licence: z.string(),
  /** Whether the licence allows commercial use; null where it does not say. */
  commercial: z.boolean().nullable(),
  source: z.string(),
  files: z.array(file).min(1),
  /** By path of the ONNX file. */
  graphs: z.record(z.string(), graph),
});

const manifest = z.strictObject({ space: folderName, variants: z.record(folderName, variant) });

/** The models of a space, as its package's `models.json` names them. */
export type ModelManifest = z.infer<typeof manifest>;
export type ModelVariant = z.infer<typeof variant>;
export type ModelFile = z.infer<typeof file>;

/** Checks a manifest. @throws FREEBIND_FILE_INVALID naming the key */
export function parseModelManifest(value: unknown, source: string): ModelManifest {
  const parsed = manifest.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new FreebindError(
    'FREEBIND_FILE_INVALID',
    `${source} is no list of models: ${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'unknown'}.`,
  );
}

/** Reads a `models.json`: at once, since it is small. `mend` is what to do about a bad one. @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID */
export function readModelManifest(path: string | URL, mend = "Install the space's package again"): ModelManifest {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new FreebindError('FREEBIND_FILE_MISSING', `There is no list of models ${String(path)}. ${mend}.`, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new FreebindError('FREEBIND_FILE_INVALID', `${String(path)} is not JSON. ${mend}.`, { cause });
  }
  return parseModelManifest(value, String(path));
}

/** A variant by its name. @throws FREEBIND_ARGUMENT_INVALID naming those there are */
export function variantOf(models: ModelManifest, name: string): ModelVariant {
  const found = Object.hasOwn(models.variants, name) ? models.variants[name] : undefined;
  if (found !== undefined) return found;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `"${models.space}" has no model "${name}"; it has ${Object.keys(models.variants).join(', ')}.`,
  );
}
