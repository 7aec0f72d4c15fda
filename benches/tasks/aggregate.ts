import { tableOf } from '@freebind/core';
import type { BackendTask } from '../task.ts';
import { unitRowsOf } from './inputs.ts';

/** Pseudo-pair aggregation at FreeBind's temperature: attention with a table as keys and values. */
export const aggregate: BackendTask<{ queries: number; bank: number; width: number }> = {
  name: 'aggregate',
  sizes: [
    { queries: 4096, bank: 100_000, width: 1024 },
    { queries: 1024, bank: 8192, width: 512 },
    { queries: 256, bank: 2048, width: 256 },
    { queries: 128, bank: 1024, width: 256 },
  ],
  peer: 'pytorch',
  // Scores and weighted sums.
  operations: ({ queries, bank, width }) => 4 * queries * bank * width,
  describe: ({ queries, bank, width }) => `aggregation, ${queries} queries over ${bank} × ${width}`,
  async open(backend, { queries, bank, width }) {
    const runner = await backend.openBank({ keys: tableOf(unitRowsOf(bank, width, 'bank')) });
    const rows = unitRowsOf(queries, width, 'queries');
    return { run: async () => void (await runner.aggregate(rows, 0.01)), close: () => runner.close() };
  },
};
