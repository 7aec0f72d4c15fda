import { goldenBackends } from './backends.ts';
import { testCheckpoints } from './checkpoints.ts';
import { testEveryEntryIsClaimed } from './claims.ts';
import { readEntries } from './folder.ts';
import { testHeads } from './heads.ts';
import { testHostileFiles } from './hostile-files.ts';
import { testMixture } from './mixture.ts';

const entries = await readEntries('projectors');
const backends = await goldenBackends();

testEveryEntryIsClaimed('projectors', entries, [
  ...testHeads(entries, backends),
  ...testMixture(entries, backends),
  ...testCheckpoints(entries),
  ...testHostileFiles(entries),
]);
