import type { Command } from 'commander';
import { examples } from '../options.ts';
import type { Session } from '../session.ts';

/** `freebind conform`: the conformance suite on an installed plugin. */
export function conform(program: Command, session: Session): void {
  program
    .command('conform')
    .description(
      'Run the conformance suite on a plugin: what passes, what fails, what is skipped and why. Fails if a case does.',
    )
    .argument('<plugin>', 'package or folder, or the short name of a backend: onnx, onnx:webgpu')
    .option('--require-device', 'a device that is not on this machine is a failure instead of a skip')
    .addHelpText('after', examples('freebind conform @freebind/backend-onnx', 'freebind conform ./my-space'))
    .action(async (plugin: string, { requireDevice }: { readonly requireDevice?: true }) => {
      const { readBackendChoice } = await import('@freebind/core');
      const { inspectPlugin, loadPlugin } = await import('@freebind/core/config');
      const { conform, formatReport } = await import('@freebind/conformance');
      const { readJson } = await import('../tables.ts');
      const { package: name, options = {} } = readBackendChoice(plugin);
      const { folder } = await inspectPlugin(name, process.cwd());
      const packageJson = await readJson(`${folder}/package.json`);
      const report = await conform(await loadPlugin([name, options], process.cwd()), {
        packageJson,
        requireDevice: requireDevice === true,
        onResult: ({ subject, name: requirement, status }) => session.note(`${status}  ${subject}: ${requirement}`),
      });
      session.result(report, formatReport(report));
      if (report.failed > 0) session.fail();
    });
}
