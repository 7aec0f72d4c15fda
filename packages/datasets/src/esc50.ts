import { readCsv, refuseDuplicates } from './annotations.ts';
import { classificationSet } from './classification.ts';
import type { DatasetReader } from './datasets.ts';
import { SOUND_TEMPLATES } from './prompts.ts';

/** ESC-50 (Piczak, ACM MM 2015): `meta/esc50.csv` of github.com/karolpiczak/ESC-50; all five folds are evaluated, since nothing is trained. */
export const readEsc50: DatasetReader = async (copy, { annotations }) => {
  const path = await copy.annotations(...(annotations ?? ['meta/esc50.csv', 'esc50.csv']));
  const lines = await readCsv(copy, path, ['filename', 'target', 'category']);
  refuseDuplicates(
    copy,
    path,
    'Clips',
    lines.map(({ filename }) => filename),
  );
  // By the class's number, `dog` being 0: `chirping_birds` reads "chirping birds" in a prompt.
  const names = new Map<number, string>();
  for (const { filename, target, category } of lines) {
    const number = Number(target);
    const known = names.get(number) ?? category;
    if (!Number.isSafeInteger(number) || number < 0 || known !== category || category === '')
      throw copy.wrong(
        path,
        `${filename} is of class "${target}", "${category}", expected a number that stands for one name.`,
      );
    names.set(number, category);
  }
  // A copy with some of the classes is numbered anew, without gaps.
  const numbers = [...names.keys()].toSorted((a, b) => a - b);
  const items = lines.map(({ filename, target }) => ({
    id: filename,
    names: [filename],
    classes: [numbers.indexOf(Number(target))],
  }));
  return classificationSet('esc50', copy, {
    modality: 'audio',
    items,
    media: await copy.media('audio', 'audio'),
    classes: numbers.map((number) => (names.get(number) ?? '').replaceAll('_', ' ')),
    templates: SOUND_TEMPLATES,
    differences: numbers.length === 50 ? [] : [`the annotations name ${numbers.length} of ESC-50's 50 classes`],
  });
};
