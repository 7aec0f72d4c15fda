import type { Command } from 'commander';
import { columns } from '../../columns.ts';
import type { CheckedGraph } from '../../check-graphs.ts';
import { examples, whole } from '../../options.ts';
import type { Session } from '../../session.ts';

interface CheckOptions {
  readonly space: string;
  readonly as?: string;
  readonly dimension?: number;
  readonly threads?: number;
}

/** `freebind models check`: proves an export. */
export function checkGraphs(command: Command, session: Session): void {
  command
    .command('check')
    .description(
      "Hold your own export against what a space needs: inputs, output, a run on example inputs, rows that do not depend on their batch. Fails if a graph doesn't do.",
    )
    .argument('<path>', 'a folder with the graphs, or one .onnx file')
    .requiredOption('--space <name>', 'model the graphs are for: a space (imagebind) or SPACE/VARIANT')
    .option('--as <file>', 'which graph of the model a file is, e.g. imagebind_text.onnx (default: by its name)')
    .option('--dimension <n>', 'width of the rows that must come out, for graphs that are small on purpose', whole(1))
    .option('--threads <n>', 'threads of the CPU (default: all cores)', whole(1))
    .addHelpText(
      'after',
      examples(
        'freebind models check ./exports/imagebind/huge --space imagebind',
        'freebind models check clap_audio.onnx --space clap-general --json',
      ),
    )
    .action(async (path: string, options: CheckOptions) => {
      const { findModel, nameOf } = await import('@freebind/models');
      const { installedModels } = await import('../../installed-models.ts');
      const { checkPath } = await import('../../check-graphs.ts');
      const model = findModel(await installedModels(process.cwd()), options.space);
      const graphs = await checkPath(path, model, options, (text) => session.note(text));
      const ok = graphs.every((graph) => graph.ok);
      session.result({ model: nameOf(model), ok, graphs }, graphs.map(describe).join('\n\n'));
      if (!ok) session.fail();
    });
}

function describe({ path, graph, ok, findings }: CheckedGraph): string {
  const rows = findings.map((one) => [`  ${one.ok ? 'ok  ' : 'FAIL'}  ${one.requirement}: ${one.found}`]);
  return `${path}: ${ok ? `does as ${graph}` : `does not do as ${graph}; docs/models.md says how to export it`}\n${columns(rows)}`;
}
