import type { Backend } from '@freebind/core';
import { aggregateCases } from './aggregate.ts';
import { bankCases } from './bank.ts';
import { combineCases } from './combine.ts';
import { lifecycleCases } from './lifecycle.ts';
import { projectCases } from './project.ts';
import { topKCases } from './top-k.ts';
import { trainRefusalCases } from './train-refusals.ts';
import { trainStateCases } from './train-state.ts';
import { trainCases } from './train.ts';
import type { ConformanceCase } from '../case.ts';

/** Everything that a backend must do, in the order of its interface. */
export const backendCases: readonly ConformanceCase<Backend>[] = [
  ...projectCases,
  ...bankCases,
  ...aggregateCases,
  ...topKCases,
  ...combineCases,
  ...trainCases,
  ...trainRefusalCases,
  ...trainStateCases,
  ...lifecycleCases,
];
