import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { aggregate } from './aggregate.ts';
import { fuseStep } from './fuse-step.ts';
import type { BenchOptions, Row } from './harness.ts';
import { mixture } from './mixture.ts';
import { trainStep } from './train-step.ts';
import { tune } from './tune.ts';

const BENCHES: Readonly<Record<string, (options: BenchOptions) => Promise<readonly Row[]>>> = {
  'train-step': trainStep,
  'fuse-step': fuseStep,
  aggregate,
  mixture,
  tune,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '9' },
    threads: { type: 'string', default: String(availableParallelism()) },
  },
});
const options: BenchOptions = { rounds: Number(values.rounds), threads: Number(values.threads) };

const unknown = positionals.find((name) => !Object.hasOwn(BENCHES, name));
if (unknown !== undefined || positionals.length === 0) {
  console.error(`usage: npm run bench -- ${Object.keys(BENCHES).join('|')} … [--json] [--rounds N] [--threads N]`);
  process.exitCode = 2;
} else {
  for (const name of positionals) for (const row of (await BENCHES[name]?.(options)) ?? []) print(row);
}

function print(row: Row): void {
  if (values.json) return console.log(JSON.stringify(row));
  const { task, backend, peer, ...figures } = row;
  console.log(`${task}\n  ${backend} against ${peer}`);
  for (const [name, figure] of Object.entries(figures))
    if (figure !== null)
      console.log(`  ${name.padEnd(16)} ${typeof figure === 'number' ? Number(figure.toPrecision(4)) : figure}`);
}
