// Runs the toy run with checkpoints, one JSON event a line. Arguments: the checkpoint folder, epochs, and a step at which the
// process kills itself as the system would, `now` or `soon` (while what follows that step is under way).
import { train } from '../src/training/run.ts';
import { toyRun } from './toy-run.ts';

const [, , folder = '', epochs = '8', killAt, when] = process.argv;
const die = (): unknown => process.kill(process.pid, 'SIGKILL');
try {
  for await (const event of train(toyRun({ epochs: Number(epochs), checkpoints: { folder, everySteps: 3 } }))) {
    process.stdout.write(`${JSON.stringify(event)}\n`);
    if (event.type !== 'step' || event.step !== Number(killAt)) continue;
    if (when === 'now') die();
    // One turn is the run's own after a step; the second falls into the writing of the checkpoint.
    else setImmediate(() => setImmediate(die));
  }
} catch (error) {
  process.stdout.write(`${JSON.stringify({ type: 'error', code: Object(error).code, message: String(error) })}\n`);
}
