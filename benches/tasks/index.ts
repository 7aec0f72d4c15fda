import type { Task } from '../task.ts';
import { aggregate } from './aggregate.ts';
import { embed, embedFew } from './embed.ts';
import { fuseStep } from './fuse-step.ts';
import { infoNce } from './info-nce.ts';
import { matrix } from './matrix.ts';
import { clapAudio, clapText, imagebindAudio, imagebindText, images, largeImages } from './preprocess.ts';
import { project, projectApart } from './project.ts';
import { topK } from './top-k.ts';
import { trainStep } from './train-step.ts';
import { tune } from './tune.ts';

/** Every task of the bench. A task is only given sizes of its own list, so what it takes may be narrower than what is said here. */
export const TASKS = [
  trainStep,
  fuseStep,
  aggregate,
  project,
  projectApart,
  topK,
  tune,
  infoNce,
  matrix,
  images,
  largeImages,
  imagebindAudio,
  clapAudio,
  imagebindText,
  clapText,
  embed,
  embedFew,
] as unknown as readonly Task[];

export function taskOf(name: string): Task {
  const found = TASKS.find((task) => task.name === name);
  if (found === undefined)
    throw new Error(`There is no task "${name}"; there are ${TASKS.map((task) => task.name).join(', ')}.`);
  return found;
}
