import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { writeNpy } from '@freebind/core/files';
import { formatMs, formatTable } from './table.ts';
import { unitRowsOf } from './tasks/inputs.ts';

/** A config to be planned and then run: what it does, its tables by file, and itself. */
interface Trial {
  readonly name: string;
  readonly command: 'train' | 'fuse';
  readonly tables: Readonly<Record<string, readonly [rows: number, cols: number]>>;
  readonly config: unknown;
}

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

/** Plans three configs, runs them, and prints what was predicted beside what it took. */
export async function planAccuracy({ smallest }: { readonly smallest: boolean }): Promise<void> {
  const lines = [['config', 'planned', 'took', 'planned / took', 'memory planned', 'took', 'the plan took']];
  for (const trial of trials(smallest ? 0.2 : 1)) {
    const folder = await mkdtemp(join(tmpdir(), 'freebind-plan-bench-'));
    try {
      await mkdir(join(folder, 'tables'));
      for (const [name, [rows, cols]] of Object.entries(trial.tables))
        await writeNpy(join(folder, 'tables', `${name}.npy`), unitRowsOf(rows, cols, name), { dtype: 'f2' });
      const config = { tables: 'tables', seed: 1, ...(trial.config as object) }; // an object of `trials`
      await writeFile(join(folder, 'freebind.config.json'), JSON.stringify(config));
      const planning = await freebind(['plan', '--json'], folder);
      const { total } = JSON.parse(planning.stdout) as { total: { seconds: number; memory: number } }; // as `plan` writes it
      const real = await freebind([trial.command, '--quiet'], folder);
      lines.push([
        trial.name,
        formatMs(1000 * total.seconds),
        formatMs(1000 * real.seconds),
        (total.seconds / real.seconds).toFixed(2),
        `${(total.memory / 2 ** 20).toFixed(0)} MiB`,
        `${(real.peak / 2 ** 20).toFixed(0)} MiB`,
        formatMs(1000 * planning.seconds),
      ]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  console.log(formatTable(lines));
}

/** Runs the built program; `peak` is the most memory of its process. */
async function freebind(
  args: readonly string[],
  cwd: string,
): Promise<{ readonly stdout: string; readonly seconds: number; readonly peak: number }> {
  const start = performance.now();
  const child = spawn(process.execPath, [BIN, ...args, '--backend', 'onnx'], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
  let peak = 0;
  while (child.exitCode === null && child.signalCode === null) {
    await Promise.race([wait(250), closed]);
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    peak = Math.max(peak, 1024 * Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0));
  }
  if ((await closed) !== 0) throw new Error(`freebind ${args.join(' ')} failed:\n${stdout}`);
  return { stdout, seconds: (performance.now() - start) / 1000, peak };
}
