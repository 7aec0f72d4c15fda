import type { Command } from 'commander';
import { examples } from '../../options.ts';
import type { Session } from '../../session.ts';

interface PullCommandOptions {
  readonly from?: string;
  readonly acceptLicence?: true;
}

/** `freebind models pull`: fetches models. */
export function pullModels(command: Command, session: Session): void {
  command
    .command('pull')
    .description('Fetch the files of models, verified, going on where a stopped pull ended.')
    .argument('<models...>', 'models, as `models list` names them')
    .option(
      '--from <where>',
      'a mirror (URL) or a folder with the files (default: FREEBIND_MODELS_URL, then their sources)',
    )
    .option('--accept-licence', 'accept licences that forbid commercial use')
    .addHelpText(
      'after',
      examples(
        'freebind models pull clap-unfused',
        'freebind models pull imagebind/huge --accept-licence --from https://models.example.org/freebind',
        'freebind models pull clap/general clap/music --from ./exports',
      ),
    )
    .action((names: readonly string[], options: PullCommandOptions) => run(names, options, session));
}

async function run(names: readonly string[], options: PullCommandOptions, session: Session): Promise<void> {
  const { findModel, nameOf, pullModel } = await import('@freebind/models');
  const { installedModels } = await import('../../installed-models.ts');
  const lists = await installedModels(process.cwd());
  const models = names.map((name) => findModel(lists, name));
  const results = [];
  for (const model of models) {
    const progress = await session.progress();
    try {
      const files = await pullModel(model, {
        from: options.from,
        signal: session.signal,
        acceptLicence: (licence) =>
          options.acceptLicence === true || askOnTerminal(session, nameOf(model), licence, model.about.source),
        onBytes: (file, done, total) => progress.update({ stage: file, done, total: total ?? done, unit: 'bytes' }),
        onNote: (text) => session.note(text),
      });
      results.push({ model: nameOf(model), files });
    } finally {
      progress.stop();
    }
  }
  const exports = results.flatMap(({ files }) => files.filter(({ status }) => status === 'export'));
  session.result({ pulled: results, complete: exports.length === 0 }, results.map(describe).join('\n'));
  if (exports.length === 0) return;
  session.fail();
  session.note(
    `Export these yourself, once, as docs/models.md says, and put them there:\n${exports.map(({ path }) => `  ${path}`).join('\n')}\nThen check them: freebind models check DIR --space SPACE. If a folder or a mirror has them: --from.`,
  );
}

/** Asks the person at the terminal; where there is none, or JSON is wanted, the answer is no. */
async function askOnTerminal(session: Session, model: string, licence: string, source: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY || session.manner.json === true) return false;
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const question = `${model} is licensed ${licence}: not for commercial use (${source}).\nDo you accept this licence? [y/N] `;
    return /^y(es)?$/i.test((await terminal.question(question, { signal: session.signal })).trim());
  } catch {
    return false; // Ctrl-C or the end of the input
  } finally {
    terminal.close();
  }
}

const WORDS = {
  there: 'was there',
  hub: "is in Hugging Face's cache and used from there",
  fetched: 'fetched',
  export: 'has to be exported',
} as const;

function describe(result: {
  readonly model: string;
  readonly files: readonly {
    readonly path: string;
    readonly status: keyof typeof WORDS;
    readonly sha256?: string;
    readonly firstUse?: boolean;
  }[];
}): string {
  return result.files
    .map(({ path, status, sha256, firstUse }) => {
      const trust = firstUse === true ? `; no checksum was known, so ${sha256} is now recorded for it` : '';
      return `${path}: ${WORDS[status]}${trust}`;
    })
    .join('\n');
}
