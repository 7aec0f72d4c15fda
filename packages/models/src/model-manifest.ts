import { readFileSync } from 'node:fs';
import { FreebindError } from '@freebind/core';
import { z } from 'zod';

/** One file of a model. */
const file = z.strictObject({
  /** Within the model's folder, with `/`. */
  path: z.string().regex(/^(?!\/)(?!.*\.\.)[\w./-]+$/, { error: 'give a relative path without ..' }),
  /** Bytes; null where no public page tells, and for files that everyone exports for themselves. */
  size: z.number().int().positive().nullable(),
  /** In hex; null as for `size`. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  /** Where it can be had; null for a file that has to be exported, which `note` explains. */
  url: z.url().nullable(),
  /** The file of a Hugging Face repository that it is. */
  huggingFace: z.strictObject({ repo: z.string(), revision: z.string(), file: z.string() }).optional(),
  note: z.string().optional(),
});

const port = z.strictObject({
  type: z.enum(['float32', 'int64', 'bool']),
  dims: z.array(z.union([z.number().int().positive(), z.string()])),
});

/** What an ONNX file must take and give. */
const graph = z.strictObject({
  inputs: z.record(z.string(), port),
  output: z.string(),
  dimension: z.number().int().positive(),
});

const variant = z.strictObject({
  description: z.string(),
  licence: z.string(),
  /** Whether the licence allows commercial use; null where it does not say. */
  commercial: z.boolean().nullable(),
  source: z.string(),
  files: z.array(file).min(1),
  /** By path of the ONNX file. */
  graphs: z.record(z.string(), graph),
});

const manifest = z.strictObject({ space: z.string(), variants: z.record(z.string(), variant) });

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
