import type { Modality } from '@freebind/core';
import { refuseDuplicates } from './annotations.ts';
import type { DatasetName } from './datasets.ts';
import type { RetrievalSet, SetItem } from './evaluation-set.ts';
import type { LocalCopy, MediaIndex } from './local-copy.ts';

/** A clip or picture with what was said of it, as annotations have it. */
export interface Captioned {
  readonly id: string;
  /** Names that its file may have, with or without ending. */
  readonly names: readonly string[];
  readonly captions: readonly { readonly id: string; readonly text: string }[];
}

/**
 * Retrieval of captions and the clips or pictures that they are of: a caption has one right item, an item is found if any of
 * its captions is. Items without a file are left out with their captions.
 *
 * @throws FREEBIND_FILE_MISSING when no item has one, FREEBIND_FILE_INVALID for an item without captions or an empty one,
 * and for captions of one id, of which a table of rows would know only one
 */
export function captionSet(
  dataset: DatasetName,
  copy: LocalCopy,
  from: {
    readonly path: string;
    readonly modality: Exclude<Modality, 'text'>;
    readonly items: readonly Captioned[];
    readonly media: MediaIndex;
    readonly differences?: readonly string[];
  },
): RetrievalSet {
  const { path, modality, items, media, differences = [] } = from;
  refuseDuplicates(
    copy,
    path,
    'Captions',
    items.flatMap(({ captions }) => captions.map(({ id }) => id)),
    'Give every caption an id of its own.', // they may be numbered anew for each item
  );
  const gallery: SetItem[] = [];
  const queries: SetItem[] = [];
  const pairs: (readonly [number, number])[] = [];
  const missing: string[] = [];
  for (const { id, names, captions } of items) {
    if (captions.length === 0 || captions.some(({ text }) => text.trim() === ''))
      throw copy.wrong(path, `${id} has ${captions.length === 0 ? 'no caption' : 'a caption without words'}.`);
    const file = media.find(...names);
    if (file === undefined) {
      missing.push(id);
      continue;
    }
    for (const caption of captions) {
      pairs.push([queries.length, gallery.length]);
      queries.push({ id: caption.id, text: caption.text });
    }
    gallery.push({ id, path: file });
  }
  copy.refuseEmpty(gallery.length, missing);
  return {
    dataset,
    task: 'retrieval',
    annotated: items.length,
    missing,
    differences,
    queries: { modality: 'text', items: queries },
    gallery: { modality, items: gallery },
    pairs,
  };
}
