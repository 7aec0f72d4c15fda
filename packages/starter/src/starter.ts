import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FreebindError, type Table } from '@freebind/core';
import { openTables } from '@freebind/core/files';
import type { Modality } from './result.ts';

/** One idea that is drawn, spoken and written: an emoji. */
export interface Concept {
  /** Its code points, as emojibase writes them: `1F600`. */
  readonly id: string;
  readonly glyph: string;
  readonly label: string;
  readonly tags: readonly string[];
}

/** An artist, a voice or a way to write: one table of every concept. */
export interface View {
  readonly id: string;
  /** Never trained on: what is evaluated. */
  readonly heldOut: boolean;
}

/** Rows of the tables, by what they are for; every concept is in exactly one part. */
export interface Splits {
  /** Triples that the unified space is made from. */
  readonly unified: readonly number[];
  /** Seen by the experts only. */
  readonly experts: readonly number[];
  /** Seen by the experts; factors are chosen on them. */
  readonly validation: readonly number[];
  /** Seen by the experts. */
  readonly test: readonly number[];
  /** Seen by nobody. */
  readonly unseen: readonly number[];
}

/** The embedding tables that ship with this package. */
export interface Starter {
  readonly folder: string;
  readonly concepts: readonly Concept[];
  readonly splits: Splits;
  readonly artists: readonly View[];
  readonly voices: readonly View[];
  /** Views to train on, by modality. Every text view may be trained on. */
  readonly training: Readonly<Record<Modality, readonly string[]>>;
  /** The view to evaluate, by modality: held out but for text, where it is the label. */
  readonly evaluation: Readonly<Record<Modality, string>>;
  /** Encoder features [concepts, d] of one view, not normalised. @throws FREEBIND_FILE_MISSING */
  table(view: string, modality: Modality): Table;
  close(): Promise<void>;
}

/** The order in which modalities are worked through. */
export const MODALITIES: readonly Modality[] = ['audio', 'image', 'text'];

const FACTS = 'starter.json';
const PARTS = ['unified', 'experts', 'validation', 'test', 'unseen'] as const;
const TEXTS: readonly View[] = [
  { id: 'label', heldOut: false },
  { id: 'keywords', heldOut: false },
];

/** The folder of tables in this package. */
export function starterFolder(): string {
  return fileURLToPath(new URL('../tables', import.meta.url));
}

/**
 * Opens the starter's tables, or a folder of one's own that is laid out alike.
 *
 * @throws FREEBIND_FILE_MISSING FREEBIND_FILE_INVALID FREEBIND_ROWS_MISALIGNED
 */
export async function openStarter(folder = starterFolder()): Promise<Starter> {
  const { concepts, splits, artists, voices } = await readFacts(join(folder, FACTS));
  const tables = await openTables(folder);
  const views = { audio: voices, image: artists, text: TEXTS };
  try {
    for (const modality of MODALITIES) {
      for (const { id } of views[modality]) {
        const { rows, source } = tables.table(id, modality);
        if (rows === concepts.length) continue;
        throw new FreebindError(
          'FREEBIND_ROWS_MISALIGNED',
          `${source} has ${rows} rows, but ${FACTS} lists ${concepts.length} concepts. Install @freebind/starter again.`,
        );
      }
    }
  } catch (error) {
    await tables.close();
    throw error;
  }
  return {
    folder,
    concepts,
    splits,
    artists,
    voices,
    training: { audio: trained(voices), image: trained(artists), text: trained(TEXTS) },
    evaluation: { audio: evaluated(voices), image: evaluated(artists), text: evaluated(TEXTS) },
    table: (view, modality) => tables.table(view, modality),
    close: () => tables.close(),
  };
}

function trained(all: readonly View[]): readonly string[] {
  return all.filter(({ heldOut }) => !heldOut).map(({ id }) => id);
}

function evaluated(all: readonly View[]): string {
  return (all.find(({ heldOut }) => heldOut) ?? all[0])?.id ?? '';
}

/** Concepts that an expert may see, ascending: all but the unseen. */
export function seenBy({ unified, experts, validation, test }: Splits): Int32Array {
  return Int32Array.from([...unified, ...experts, ...validation, ...test]).sort();
}

interface Facts {
  readonly concepts: readonly Concept[];
  readonly splits: Splits;
  readonly artists: readonly View[];
  readonly voices: readonly View[];
}

async function readFacts(path: string): Promise<Facts> {
  const damaged = (found: string, cause?: unknown): FreebindError =>
    new FreebindError('FREEBIND_FILE_INVALID', `${path} ${found}. Install @freebind/starter again.`, { cause });
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new FreebindError('FREEBIND_FILE_MISSING', `${path} cannot be read. Install @freebind/starter again.`, {
      cause,
    });
  });
  let facts: Facts;
  try {
    // Written by this package's own maker; what the pipeline relies on is checked below.
    facts = JSON.parse(text) as Facts;
  } catch (cause) {
    throw damaged('is not JSON', cause);
  }
  if (!Array.isArray(facts.concepts) || !Array.isArray(facts.artists) || !Array.isArray(facts.voices))
    throw damaged('lacks its lists of concepts, artists or voices');
  const rows = PARTS.flatMap((part) => facts.splits?.[part] ?? []);
  const once = new Set(rows.filter((row) => Number.isInteger(row) && row >= 0 && row < facts.concepts.length));
  if (once.size !== rows.length || rows.length !== facts.concepts.length)
    throw damaged(`does not put each of its ${facts.concepts.length} concepts into exactly one split`);
  return facts;
}
