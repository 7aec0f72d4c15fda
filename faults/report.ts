import type { RecordedTally } from './campaign.ts';
import type { Fault } from './fault.ts';

/** What was measured: `faults/results.json`. */
export interface Results {
  readonly tallies: readonly RecordedTally[];
}

/** `docs/reliability.md`, from what was measured. */
export function writeReport({ tallies }: Results, faults: readonly Fault[]): string {
  const trials = tallies.reduce((sum, tally) => sum + tally.trials, 0);
  const broken = tallies.flatMap((tally) => tally.broken.map((one) => ({ ...tally, ...one })));
  const machines = [...new Set(tallies.map(({ machine }) => machine))];
  const rows = tallies.map(({ fault, job, backend, trials, ends, broken, date, machine }) => {
    const { identical = 0, ...refused } = ends;
    const named = Object.entries(refused).map(([code, times]) => `${times} × \`${code}\``);
    return `| ${fault} | ${job} | ${backend} | ${trials} | ${identical} | ${named.join(', ') || 'none'} | ${broken.length} | ${date}, ${machines.indexOf(machine) + 1} |`;
  });
  return `# Reliability

Written by \`npm run faults -- --record\` from \`faults/results.json\`; do not edit.

Long commands of freebind are run as processes of their own and disturbed at random. Each trial has a folder of its own, half of
them with the result of another run in the place of the job's (\`--force\`). Two things must hold. A run that was disturbed either
finishes, or stops with an error of freebind's list while its results are those of before or the new ones, whole. And when it is
run again it ends with **the same bytes in every file** as a run that nobody disturbed, nothing missing and nothing left over.

${faults
  .filter(({ name }) => tallies.some(({ fault }) => fault === name))
  .map(({ name, what }) => `- **${name}**: ${what}`)
  .join('\n')}

${trials} trials, ${broken.length === 0 ? 'in all of which both held' : `${broken.length} of which broke a promise`}. Machines:

${machines.map((machine, i) => `${i + 1}. ${machine}`).join('\n')}

| fault | job | backend | trials | finished | stopped by a named error, then resumed | broken | when, on machine |
| ----- | --- | ------- | -----: | -------: | -------------------------------------- | -----: | ---------------- |
${rows.join('\n')}
${broken.map(({ fault, job, trial, how }) => `\n- ${fault}, ${job}, trial ${trial}: ${how.split('\n')[0] ?? ''}`).join('')}
What the machine does is random, what the harness does is not: \`npm run faults -- --fault "turned bits" --only train --trial 3\`
repeats a trial, its moments in milliseconds included. What is not tried: power cuts (files are synced before they get their
names, which a SIGKILL cannot test), and file systems other than the one of the temporary folder.
`;
}
