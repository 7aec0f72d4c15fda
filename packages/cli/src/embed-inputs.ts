import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { FreebindError, type Modality } from '@freebind/core';
import type { Items } from '@freebind/embed';

/** Where the command line says that inputs come from; one of them. `-` is standard input. */
export interface InputChoice {
  readonly list?: string;
  readonly lines?: string;
  readonly jsonl?: string;
  readonly field?: string;
  readonly idField?: string;
}

/** Inputs that were found, and what they need cleared away. */
export interface OpenInputs {
  readonly items: Items;
  close(): Promise<void>;
}

/**
 * The inputs of `freebind embed`. Standard input is kept in a temporary file, since lists are walked twice.
 *
 * @throws FREEBIND_ARGUMENT_INVALID when texts are asked for in another modality, FREEBIND_WRITE_FAILED
 */
export async function openInputs(
  paths: readonly string[],
  choice: InputChoice,
  modality: Modality,
): Promise<OpenInputs> {
  const { fieldOf, filesOf, listedIn, textsOf } = await import('@freebind/embed');
  const { list, lines, jsonl, field = 'text', idField } = choice;
  if (modality !== 'text' && (lines ?? jsonl) !== undefined)
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `--lines and --jsonl hold texts, but ${modality} was asked for. List the paths of files with --list.`,
    );
  const file = list ?? lines ?? jsonl;
  if (file === undefined) return { items: filesOf(paths, modality), close: async () => undefined };
  const folder = file === '-' ? await mkdtemp(join(tmpdir(), 'freebind-stdin-')) : undefined;
  const path = folder === undefined ? file : join(folder, 'stdin');
  const close = async (): Promise<void> => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  };
  try {
    if (folder !== undefined) await pipeline(process.stdin, createWriteStream(path));
  } catch (cause) {
    await close();
    throw new FreebindError(
      'FREEBIND_WRITE_FAILED',
      `Standard input could not be kept in ${path} (${cause instanceof Error ? cause.message : String(cause)}). Free some space there, or write the list to a file.`,
      { cause },
    );
  }
  if (list !== undefined) return { items: listedIn(path), close };
  if (lines !== undefined) return { items: textsOf(path), close };
  return { items: fieldOf(path, { text: field, ...(idField !== undefined && { id: idField }) }), close };
}
