// The process that reads inputs, batch after batch, told by `run.ts` in its arguments: reader, seed, first batch, number of
// batches, inputs a batch, folder. It may write nothing outside of the folder, start no process and make no code from text.
import { READERS } from './readers.ts';
import { fuzz } from './trial.ts';

const [, , name, seed, first, batches, inputs, folder = '.'] = process.argv;
const reader = READERS.find((each) => each.name === name);
if (reader === undefined) throw new Error(`There is no reader "${name}".`);
process.chdir(folder);
for (let batch = Number(first); batch < Number(first) + Number(batches); batch++) {
  try {
    // A batch's seed is its own, so that any of them can be run again alone.
    const found = await fuzz(reader, { inputs: Number(inputs), seed: Number(seed) + batch, folder });
    process.stdout.write(`${JSON.stringify({ batch, ...found })}\n`);
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ batch, failed: describe(error) })}
`);
    process.exit(1);
  }
}

/** fast-check's message has the input; what it is about is the cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `\n${error.cause.stack ?? error.cause.message}` : '';
  return `${error.message}${cause}`;
}
