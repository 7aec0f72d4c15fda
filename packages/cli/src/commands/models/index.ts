import type { Command } from 'commander';
import { examples } from '../../options.ts';
import type { Session } from '../../session.ts';
import { checkGraphs } from './check.ts';
import { forgetModels } from './forget.ts';
import { listModels } from './list.ts';
import { modelPath } from './path.ts';
import { pullModels } from './pull.ts';
import { removeModels } from './remove.ts';
import { verifyModels } from './verify.ts';

/** `freebind models`: the files that the spaces' encoders need. */
export function models(program: Command, session: Session): void {
  const command = program
    .command('models')
    .description("The spaces' model files: what they are, where they lie, how to get them, whether they are right.")
    .addHelpText(
      'after',
      `${examples('freebind models list', 'freebind models pull clap-unfused', 'freebind models check ./exports/imagebind/huge --space imagebind')}

A model is named SPACE/VARIANT, as \`models list\` shows it, or by the space that is made of it: clap-music.
Files lie in FREEBIND_MODELS (default: ~/.cache/freebind/models); those in Hugging Face's cache (HF_HOME) are used too.
FREEBIND_MODELS_URL names a mirror or a folder, HF_TOKEN logs in to the hub, HTTPS_PROXY and NO_PROXY are obeyed.`,
    );
  for (const add of [listModels, pullModels, verifyModels, modelPath, removeModels, forgetModels, checkGraphs])
    add(command, session);
}
