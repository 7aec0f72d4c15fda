import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Fault } from './fault.ts';
import type { Outcome, Trial } from './trial.ts';

export const turnedBits: Fault = {
  name: 'turned bits',
  what: 'killed at a random moment; one random bit of one random file of its unfinished work, its finished pieces or its results is turned; then resumed. Where that is refused, work and results are deleted, as a person would.',
  befalls: ({ work }) => work.length > 0,
  run: async (trial) => {
    const { dir, at, measured } = trial;
    await trial.run({ killAfterMs: trial.moment() });
    const places = [...measured.job.work, ...Object.keys(measured.job.results)];
    const files = places.flatMap((place) => filesIn(join(dir, place)));
    const path = files[at.below(files.length)];
    if (path !== undefined) turnBit(path, at.below(statSync(path).size), at.below(8));
    const ended = await trial.run({ again: true });
    if (ended.status === 0) return path === undefined ? trial.compare('identical') : compareAround(trial, path);
    const { code = 'crash' } = ended;
    if (code === 'crash' || code === 'FREEBIND_INTERNAL') return { end: code, broken: `${path}: ${ended.stderr}` };
    for (const place of places) rmSync(join(dir, place), { recursive: true, force: true });
    const anew = await trial.run();
    if (anew.status !== 0) return { end: code, broken: `the run after it ended with ${anew.status}: ${anew.stderr}` };
    // What another run had left is gone with the rest.
    return trial.measured.replaces ? { end: code, ...(await damageOf(trial)) } : trial.compare(code);
  },
};

/**
 * As `compare`, but that a finished piece which the run had no need of stays as it was turned. The results are then made once
 * more from what is there, which needs every piece.
 */
async function compareAround(trial: Trial, path: string): Promise<Outcome> {
  const name = relative(trial.dir, path);
  const outcome = trial.compare('identical');
  if (!name.startsWith('bonds/.reuse/') || outcome.broken !== `${name} has other bytes`) return outcome;
  for (const result of Object.keys(trial.measured.job.results))
    rmSync(join(trial.dir, result), { recursive: true, force: true });
  const ended = await trial.run({ again: true });
  if (ended.status !== 0) return { end: 'identical', broken: ended.stderr };
  const broken = await trial.damage();
  return { end: 'identical', ...(broken !== undefined && { broken }) };
}

async function damageOf(trial: Trial): Promise<{ readonly broken?: string }> {
  const broken = await trial.damage();
  return broken === undefined ? {} : { broken };
}

function turnBit(path: string, byte: number, bit: number): void {
  const bytes = readFileSync(path);
  bytes[byte] = (bytes[byte] ?? 0) ^ (1 << bit);
  writeFileSync(path, bytes);
}

/** Files that are not empty, at any depth. */
function filesIn(place: string): readonly string[] {
  const stats = statSync(place, { throwIfNoEntry: false });
  if (stats === undefined) return [];
  if (stats.isFile()) return [place];
  return readdirSync(place, { recursive: true, encoding: 'utf8' })
    .map((name) => join(place, name))
    .filter((path) => statSync(path).isFile() && statSync(path).size > 0)
    .sort();
}
