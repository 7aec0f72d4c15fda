import type { Modality } from '@freebind/core';
import type { DatasetName } from './datasets.ts';
import type { ClassificationSet, SetItem, TaggingSet } from './evaluation-set.ts';
import type { LocalCopy, MediaIndex } from './local-copy.ts';

/** A clip or picture with the classes that annotations give it. */
export interface Labelled {
  readonly id: string;
  /** Names that its file may have, with or without ending. */
  readonly names: readonly string[];
  readonly classes: readonly number[];
}

/** What zero-shot classification is made of, whether an item has one class or several. */
export interface LabelledFrom {
  readonly modality: Exclude<Modality, 'text'>;
  readonly items: readonly Labelled[];
  readonly media: MediaIndex;
  readonly classes: readonly string[];
  readonly templates: readonly string[];
  readonly differences?: readonly string[];
}

/** Items that carry any number of classes; those without a file are left out. @throws FREEBIND_FILE_MISSING when none has one */
export function taggingSet(dataset: DatasetName, copy: LocalCopy, from: LabelledFrom): TaggingSet {
  const { modality, items, media, classes, templates, differences = [] } = from;
  const found: SetItem[] = [];
  const labels: (readonly number[])[] = [];
  const missing: string[] = [];
  for (const { id, names, classes: own } of items) {
    const path = media.find(...names);
    if (path === undefined) {
      missing.push(id);
      continue;
    }
    found.push({ id, path });
    labels.push(own);
  }
  copy.refuseEmpty(found.length, missing);
  return {
    dataset,
    task: 'tagging',
    annotated: items.length,
    missing,
    differences,
    media: { modality, items: found },
    classes,
    templates,
    labels,
  };
}

/** Items of one class each. @throws FREEBIND_FILE_MISSING when none has a file */
export function classificationSet(dataset: DatasetName, copy: LocalCopy, from: LabelledFrom): ClassificationSet {
  const { labels, ...rest } = taggingSet(dataset, copy, from);
  return { ...rest, task: 'classification', labels: labels.map(([label = -1]) => label) };
}
