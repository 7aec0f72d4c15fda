import type { Command } from 'commander';
import type { BackendState, Diagnosis } from '../diagnosis.ts';
import { examples } from '../options.ts';
import type { Session } from '../session.ts';
import type { SpaceFiles } from '../space-files.ts';

/** `freebind doctor`: what is here, what is missing, and the line that mends it. */
export function doctor(program: Command, session: Session): void {
  program
    .command('doctor')
    .description(
      "Node, plugins, backends, devices and the spaces' model files: what works, what is missing and the line that mends it.",
    )
    .option(
      '--devices',
      "also try backends' other devices, such as onnx:webgpu; their drivers may print lines of their own",
    )
    .option(
      '--no-measure',
      'do not start and measure the backends; what is measured also tells --backend auto what to choose',
    )
    .addHelpText('after', examples('freebind doctor', 'freebind doctor --devices --json'))
    .action(async (options: { readonly devices?: true; readonly measure: boolean }) => {
      const { diagnose } = await import('../diagnosis.ts');
      const diagnosis = await diagnose(process.cwd(), options);
      session.result(diagnosis, format(diagnosis));
    });
}

function format({ node, machine, config, plugins, backends, models }: Diagnosis): string {
  const file = config === undefined ? 'none here or above; commands use the onnx backend' : undefined;
  return [
    line(node.ok, `node ${node.version} (wanted ${node.wanted})`, node.mend),
    line(true, `${machine.platform}, ${machine.cores} cores, ${machine.memoryGiB} GiB`),
    config !== undefined && 'problem' in config
      ? line(false, `config: ${config.problem}`)
      : line(true, `config: ${file ?? config?.file}`),
    ...plugins.map(({ package: name, version, apiVersion, brings = [], problem, mend }) =>
      problem === undefined
        ? line(true, `${name} ${version}, apiVersion ${apiVersion}: ${brings.join(', ')}`)
        : line(false, problem, mend),
    ),
    ...backends.map(formatBackend),
    ...models.map(formatFiles),
  ].join('\n');
}

function formatBackend({ backend, manifest, rates, losesTo, problem }: BackendState): string {
  if (manifest === undefined || rates === undefined) return line(false, `${backend}: ${problem}`);
  const { precision, device, passedOver = [], training, streamedBank, bitwiseRepeatable, tolerance } = manifest;
  const says = [
    precision,
    training ? 'trains' : 'does not train',
    ...(streamedBank ? ['streams banks'] : []),
    ...(bitwiseRepeatable ? ['repeats bit for bit'] : []),
    `within ${tolerance.toPrecision(1)} of float64`,
  ];
  const step = rates.step === undefined ? '' : `, ${rates.step} on a training step`;
  const lost = losesTo === undefined ? '' : `; loses to ${losesTo}`;
  const tried = passedOver.map((one) => `\n         passed over ${one}`).join('');
  return line(
    true,
    `backend ${backend} on ${device}: ${says.join(', ')}; ${rates.matrix} GFLOP/s on a product${step}${lost}${tried}`,
  );
}

function formatFiles({ space, model, files, missing, wrong, problem, mend }: SpaceFiles): string {
  if (problem !== undefined) return line(false, `space ${space}: ${problem}`);
  const says = [
    ...(missing.length > 0 ? [`${missing.length} of ${files} files are missing: ${missing.join(', ')}`] : []),
    ...(wrong.length > 0 ? [`of another size than they should be: ${wrong.join(', ')}`] : []),
  ];
  return line(says.length === 0, `space ${space} (${model}): ${says.join('; ') || `all ${files} files`}`, mend);
}

function line(ok: boolean, text: string, mend?: string): string {
  return `${ok ? 'ok     ' : 'missing'}  ${text}${mend === undefined ? '' : `\n         mend it: ${mend}`}`;
}
