import { readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, platform, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Campaign, FAULTS, type RecordedTally, type Tally } from './campaign.ts';
import { JOBS } from './jobs.ts';
import { type Results, writeReport } from './report.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    trials: { type: 'string', default: '10' },
    only: { type: 'string', multiple: true },
    fault: { type: 'string', multiple: true },
    backend: { type: 'string', default: 'reference' },
    seed: { type: 'string', default: '1' },
    trial: { type: 'string' },
    record: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const USAGE = `usage: npm run faults -- [--kills N] [--trials N] [--only JOB]… [--fault NAME]… [--backend NAME] [--seed N] [--trial N] [--record]

  --kills   trials of the fault "kill", for each job (default 20)
  --trials  trials of every other fault, for each job (default 10)
  --only    ${JOBS.map(({ name }) => name).join(', ')}; default all
  --fault   ${FAULTS.map(({ name }) => name).join(', ')}; default all
  --trial   only the trial of this number, to see a failure again
  --record  keep the figures in faults/results.json and write docs/reliability.md from it`;

const jobs = JOBS.filter(({ name }) => values.only?.includes(name) ?? true);
const faults = FAULTS.filter(({ name }) => values.fault?.includes(name) ?? true);
if (values.help || jobs.length < (values.only?.length ?? 0) || faults.length < (values.fault?.length ?? 0)) {
  console.error(USAGE);
  process.exitCode = values.help ? 0 : 2;
} else {
  await main();
}

async function main(): Promise<void> {
  const seed = Number(values.seed);
  using campaign = new Campaign();
  const tallies: Tally[] = [];
  for (const fault of faults) {
    for (const job of jobs.filter((job) => fault.befalls(job))) {
      const count = Number(fault.name === 'kill' ? values.kills : values.trials);
      const one = values.trial === undefined ? undefined : Number(values.trial);
      const started = performance.now();
      const tally = await campaign.run(fault, job, {
        backend: values.backend,
        seed,
        from: one ?? 0,
        to: one === undefined ? count : one + 1,
        onTrial: (trial, { end, broken }) => {
          const left = ((performance.now() - started) / (trial + 1 - (one ?? 0))) * (count - trial - 1);
          const line = `${fault.name}, ${job.name}: ${trial + 1} of ${count}, ${Math.round(left / 1000)} s left, ${end}`;
          if (broken !== undefined) console.error(`${line}\n  BROKEN (--trial ${trial}): ${broken}`);
          else if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
        },
      });
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
      const ends = Object.entries(tally.ends).map(([end, times]) => `${times} ${end}`);
      console.log(
        `${fault.name}, ${job.name} on ${tally.backend}: ${tally.trials} trials: ${ends.join(', ')}; ${tally.broken.length} broken`,
      );
      tallies.push(tally);
      if (values.record) record(tally);
    }
  }
  if (tallies.some(({ broken }) => broken.length > 0)) process.exitCode = 1;
}

/** Where a tally stands in the report: by its fault, then by its job. */
function rank({ fault, job }: Tally): number {
  return FAULTS.findIndex(({ name }) => name === fault) * JOBS.length + JOBS.findIndex(({ name }) => name === job);
}

/** Puts a tally in the place of the one of the same fault, job and backend. */
function record(tally: Tally): void {
  const path = fileURLToPath(new URL('results.json', import.meta.url));
  const kept = JSON.parse(readFileSync(path, 'utf8')) as Results; // our own file
  const same = (other: Tally): boolean =>
    other.fault === tally.fault && other.job === tally.job && other.backend === tally.backend;
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${platform()} ${release()} ${arch()}, Node ${process.version}`;
  const recorded: RecordedTally = { ...tally, date: new Date().toISOString().slice(0, 10), machine };
  const results: Results = {
    tallies: [...kept.tallies.filter((other) => !same(other)), recorded].sort((a, b) => rank(a) - rank(b)),
  };
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(fileURLToPath(new URL('../docs/reliability.md', import.meta.url)), writeReport(results, FAULTS));
}
