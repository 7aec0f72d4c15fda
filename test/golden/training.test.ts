import { testAggregation } from './aggregation.ts';
import { goldenBackends } from './backends.ts';
import { testEveryEntryIsClaimed } from './claims.ts';
import { readEntries } from './folder.ts';
import { testTrainingRuns } from './training-runs.ts';

const entries = await readEntries('training');
const backends = await goldenBackends();

testEveryEntryIsClaimed('training', entries, [
  ...(await testTrainingRuns(entries, backends)),
  ...testAggregation(entries, backends),
]);
