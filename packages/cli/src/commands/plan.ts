import type { PlannedStage, ProbedMachine } from '@freebind/core/training';
import type { Command } from 'commander';
import { formatBytes } from '../bytes.ts';
import { columns } from '../columns.ts';
import { type ComputeOptions, computeOptions, examples, usage } from '../options.ts';
import type { Session } from '../session.ts';

interface PlanOptions extends ComputeOptions {
  readonly papers?: true;
}

/** `freebind plan`: how long a config's run will take, and what it needs. */
export function plan(program: Command, session: Session): void {
  const command = program
    .command('plan')
    .description(
      "Predict time, memory and disk of every stage of the config's `fuse` and `train`, from a short probe here.",
    )
    .argument('[config]', 'a config file (default: freebind.config.{ts,mjs,json} here or above)')
    .option('--papers', "plan FreeBind's and FuseMix's own sizes instead, on this machine")
    .addHelpText(
      'after',
      examples('freebind plan', 'freebind plan bind.config.json --backend onnx --json', 'freebind plan --papers'),
    )
    .action((config: string | undefined, options: PlanOptions) => {
      if (config !== undefined && options.papers === true)
        usage(command, "--papers plans the papers' sizes and takes no config.");
      return planConfig(config, options, session);
    });
  for (const option of computeOptions()) command.addOption(option);
}

async function planConfig(path: string | undefined, options: PlanOptions, session: Session): Promise<void> {
  const { predict } = await import('@freebind/core/training');
  const { loadConfig } = await import('@freebind/core/config');
  const { withBackend, withConfigured } = await import('../backend.ts');
  const { configStages, paperStages } = await import('../planned-stages.ts');
  if (options.papers === true) {
    await withBackend(options, session, async (backend) =>
      tell(await predict(paperStages(), backend, session.signal), session),
    );
    return;
  }
  const config = await loadConfig(path === undefined ? {} : { path });
  const stages = await configStages(config);
  await withConfigured(config, options, session, async (backend) =>
    tell(await predict(stages, backend, session.signal), session),
  );
}

function tell(
  { machine, stages }: { readonly machine: ProbedMachine; readonly stages: readonly PlannedStage[] },
  session: Session,
): void {
  const total = {
    seconds: stages.reduce((sum, { seconds }) => sum + seconds, 0),
    memory: Math.max(0, ...stages.map(({ memory }) => memory)),
    disk: Math.max(0, ...stages.map(({ disk }) => disk)),
  };
  session.result({ type: 'result', machine, stages, total }, format(machine, stages, total));
}

function format(
  { backend, device, matrix, disk }: ProbedMachine,
  stages: readonly PlannedStage[],
  total: Pick<PlannedStage, 'seconds' | 'memory' | 'disk'>,
): string {
  const line = (name: string, { seconds, memory, disk: bytes }: typeof total, operations?: number): string[] => [
    name,
    operations === undefined ? '' : formatOperations(operations),
    formatSeconds(seconds),
    formatBytes(memory),
    formatBytes(bytes),
  ];
  const rates = `${backend} (${device}): ${matrix.toFixed(0)} · 10⁹ operations/s, tables read at ${formatBytes(1 / disk.read)}/s and written at ${formatBytes(1 / disk.write)}/s`;
  return `${rates}\n\n${columns([
    ['stage', 'operations', 'time', 'memory', 'disk'],
    ...stages.map((stage) => line(stage.name, stage, stage.operations)),
    line('all', total),
  ])}`;
}

function formatOperations(n: number): string {
  if (n === 0) return '–';
  const power = Math.floor(Math.log10(n) / 3) * 3;
  return `${Number((n / 10 ** power).toPrecision(3))}e${power}`;
}

/** `0.4 s`, `42 s`, `12.5 min`, `5.2 h`, `3.1 days`. */
function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${seconds.toFixed(0)} s`;
  if (seconds < 7200) return `${(seconds / 60).toFixed(1)} min`;
  return seconds < 172_800 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(1)} days`;
}
