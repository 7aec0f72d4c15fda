import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describeStore } from '@freebind/conformance/vitest';
import { FolderStore } from '@freebind/core/files';

describeStore(
  'a store in a folder',
  async () => new FolderStore(await mkdtemp(join(tmpdir(), 'freebind-store-'))),
  (store) => rm(dirname(store.path('any') ?? ''), { recursive: true }),
);
