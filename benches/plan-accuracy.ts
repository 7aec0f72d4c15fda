import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { writeNpy } from '@freebind/core/files';
import type { Finding } from './findings.ts';
import type { Found } from './results.ts';
import { unitRowsOf } from './tasks/inputs.ts';

/** A config to be planned and then run: what it does, its tables by file, and itself. */
interface Trial {
  readonly name: string;
  readonly command: 'train' | 'fuse';
  readonly tables: Readonly<Record<string, readonly [rows: number, cols: number]>>;
  readonly config: unknown;
}

const MIB = 2 ** 20;
const BIN = fileURLToPath(new URL('../packages/cli/bin/freebind.js', import.meta.url));

/** A space's tables. */
function space(name: string, modalities: readonly string[], cols: number, rows: number): Trial['tables'] {
  return Object.fromEntries(modalities.map((modality) => [`${name}.${modality}`, [rows, cols] as const]));
}

/** Each is another mixture of the kinds of work: mostly aggregation, mostly steps, adapters behind prepared latents. */
function trials(scale: number): readonly Trial[] {
  const rows = (n: number): number => Math.round(n * scale);
  return [
    {
      name: 'displacement, mostly aggregation',
      command: 'train',
      tables: {
        ...space('u', ['audio', 'image', 'text'], 1024, rows(12_000)),
        ...space('vt', ['image', 'text'], 768, rows(12_000)),
      },
      config: { train: { recipe: 'u + d(vt)', heads: ['mix'], batch: 1024, epochs: 1 } },
    },
    {
      name: 'combination, mostly steps',
      command: 'train',
      tables: {
        ...space('u', ['audio', 'image', 'text'], 512, rows(4000)),
        ...space('at', ['audio', 'text'], 512, rows(4000)),
      },
      config: { train: { recipe: 'u + c(at)', heads: ['mix', 'A', 'AT'], batch: 1024, epochs: 8, hidden: 1024 } },
    },
    {
      name: 'FuseMix, latents prepared',
      command: 'fuse',
      tables: { 'f.image': [rows(10_000), 768], 'f.text': [rows(10_000), 384] },
      config: {
        fuse: {
          it: {
            modalities: { image: 'tables/f.image.npy', text: 'tables/f.text.npy' },
            latents: { standardise: true, reduce: 256 },
            adapter: { output: 256, blocks: 2 },
            batch: 2048,
            epochs: 16,
            embed: { out: { image: 'tables/f.image.npy', text: 'tables/f.text.npy' } },
          },
        },
      },
    },
  ];
}

/** Between two looks at a run's folder: its last checkpoint goes a tenth of a second after it came. */
const LOOK_EVERY_MS = 20;

/** What a plan says of a run and what the run took are to be this near. */
const WITHIN = 0.25;

/**
 * Plans three configs, runs them, and gives what was predicted beside what it took. Exit status 1 when one is further off than
 * 25 %: memory and disk always, times where nothing else kept the machine busy.
 */
export async function planAccuracy(options: {
  readonly smallest: boolean;
  readonly note: (text: string) => void;
}): Promise<Found> {
  const alone = (loadavg()[0] ?? 0) < availableParallelism() / 2;
  const findings: Finding[] = [];
  for (const trial of trials(options.smallest ? 0.2 : 1)) findings.push(await planAndRun(trial));
  const wrong = misplanned(findings, alone ? ['time', 'memory', 'disk'] : ['memory', 'disk']);
  for (const text of wrong) options.note(text);
  if (wrong.length > 0) process.exitCode = 1;
  return { findings };
}

/** What of these was planned wrongly, a sentence each. */
export function misplanned(findings: readonly Finding[], judged: readonly Planned[]): readonly string[] {
  return findings.flatMap(({ what, figures }) =>
    judged.flatMap((planned) => {
      const ratio = figures[ratioOf(planned)] ?? Number.NaN;
      if (Math.abs(ratio - 1) <= WITHIN) return [];
      return [`${what}: ${planned} was planned at ${ratio.toFixed(2)} of what it took, and is to be within ${WITHIN}.`];
    }),
  );
}

type Planned = 'time' | 'memory' | 'disk';
const ratioOf = (planned: Planned): string => `${planned}, planned / took`;

async function planAndRun({ name, command, tables, config }: Trial): Promise<Finding> {
  const folder = await mkdtemp(join(tmpdir(), 'freebind-plan-bench-'));
  try {
    await mkdir(join(folder, 'tables'));
    for (const [table, [rows, cols]] of Object.entries(tables))
      await writeNpy(join(folder, 'tables', `${table}.npy`), unitRowsOf(rows, cols, table), { dtype: 'f2' });
    await writeFile(
      join(folder, 'freebind.config.json'),
      JSON.stringify({ tables: 'tables', seed: 1, ...(config as object) }), // an object of `trials`
    );
    const given = await bytesIn(folder);
    const planning = await freebind(['plan', '--json'], folder);
    const { total } = JSON.parse(planning.stdout) as { total: Record<'seconds' | 'memory' | 'disk', number> }; // as `plan` writes it
    const real = await freebind([command, '--quiet'], folder);
    const disk = real.mostBytes - given;
    return {
      script: 'plan',
      what: name,
      backend: 'onnx',
      figures: {
        'planned, s': total.seconds,
        'took, s': real.seconds,
        [ratioOf('time')]: total.seconds / real.seconds,
        'planned, MiB of memory': total.memory / MIB,
        'took, MiB of memory': real.peak / MIB,
        [ratioOf('memory')]: total.memory / real.peak,
        'planned, MiB of disk': total.disk / MIB,
        'took, MiB of disk': disk / MIB,
        [ratioOf('disk')]: total.disk / disk,
        'the plan took, s': planning.seconds,
      },
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs the built program; `peak` is the most memory of its process in bytes, `mostBytes` what lay in its folder at most. */
async function freebind(
  args: readonly string[],
  cwd: string,
): Promise<{ readonly stdout: string; readonly seconds: number; readonly peak: number; readonly mostBytes: number }> {
  const start = performance.now();
  const child = spawn(process.execPath, [BIN, ...args, '--backend', 'onnx'], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
  let [peak, mostBytes] = [0, 0];
  while (child.exitCode === null && child.signalCode === null) {
    await Promise.race([wait(LOOK_EVERY_MS), closed]);
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    peak = Math.max(peak, 1024 * Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0));
    mostBytes = Math.max(mostBytes, await bytesIn(cwd));
  }
  if ((await closed) !== 0) throw new Error(`freebind ${args.join(' ')} failed:\n${stdout}`);
  return { stdout, seconds: (performance.now() - start) / 1000, peak, mostBytes };
}

/** Bytes of a folder's files, of one with several names once; those that go while they are counted are not. */
async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = new Map<number, number>(); // by inode
  for (const entry of entries) {
    const found = entry.isFile() ? await stat(join(entry.parentPath, entry.name)).catch(() => undefined) : undefined;
    if (found !== undefined) sizes.set(found.ino, found.size);
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}
