import type { Modality } from '@freebind/core';
import type { DatasetName } from './datasets.ts';

/** One thing to embed. `id` stands for it in lists, on one line. */
export type SetItem =
  | { readonly id: string; readonly path: string; readonly text?: never }
  | { readonly id: string; readonly text: string; readonly path?: never };

/** Items of one modality, in the order of the annotations. */
export interface SetSide {
  readonly modality: Modality;
  readonly items: readonly SetItem[];
}

/** What is known of a local copy, whatever is evaluated on it. */
interface OfCopy {
  readonly dataset: DatasetName;
  /** Clips, pictures or pairs of them that the annotations name. */
  readonly annotated: number;
  /** Ids of those whose file is not there; they are left out of everything else. */
  readonly missing: readonly string[];
  /** In what this copy, or how it is read, differs from what the papers say they evaluated. */
  readonly differences: readonly string[];
}

/** Retrieval between two modalities, both ways. Pairs are (query row, gallery row) of everything that belongs together. */
export interface RetrievalSet extends OfCopy {
  readonly task: 'retrieval';
  readonly queries: SetSide;
  readonly gallery: SetSide;
  readonly pairs: readonly (readonly [query: number, item: number])[];
}

/** What zero-shot classification needs besides items and their labels. */
interface Classes {
  readonly media: SetSide;
  /** Names of the classes, as they stand in the prompts. */
  readonly classes: readonly string[];
  /** Prompts with `{}` for a class's name. */
  readonly templates: readonly string[];
}

/** Zero-shot classification: each item has one class. */
export interface ClassificationSet extends OfCopy, Classes {
  readonly task: 'classification';
  readonly labels: readonly number[];
}

/** Multi-label classification: each item carries any number of classes. */
export interface TaggingSet extends OfCopy, Classes {
  readonly task: 'tagging';
  readonly labels: readonly (readonly number[])[];
}

export type EvaluationSet = RetrievalSet | ClassificationSet | TaggingSet;

/** The prompts of every class: row i is of class `classOf[i]`, as `embedClasses` of core takes them. */
export function promptsOf({ classes, templates }: Pick<ClassificationSet, 'classes' | 'templates'>): {
  readonly side: SetSide;
  readonly classOf: readonly number[];
} {
  const rows = classes.flatMap((name, c) =>
    templates.map((template) => ({ c, text: template.replaceAll('{}', name) })),
  );
  return {
    side: {
      modality: 'text',
      items: rows.map(({ c, text }, i) => ({ id: `${c}:${i % templates.length} ${text}`, text })),
    },
    classOf: rows.map(({ c }) => c),
  };
}
