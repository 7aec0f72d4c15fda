import type { TrainingEvent } from '@freebind/core/training';
import type { Session } from './session.ts';

/**
 * Runs a training run to its end and tells what it says: a bar for people, one line an event with `--json`.
 *
 * @param resume the command that goes on with a run that was stopped
 * @returns what the run gives
 */
export async function follow<Result>(
  events: AsyncGenerator<TrainingEvent, Result, undefined>,
  session: Session,
  resume: string,
): Promise<Result> {
  const progress = await session.progress();
  try {
    for (;;) {
      const { done, value } = await events.next();
      if (done === true) return value;
      session.line(value);
      switch (value.type) {
        case 'rows':
          progress.update({ ...value, rate: value.rowsPerSecond, left: value.etaSeconds });
          break;
        case 'step': {
          const { stage, step, steps, rowsPerSecond, etaSeconds, loss } = value;
          const remark = `loss ${loss.toFixed(3)}`;
          progress.update({ stage, done: step, total: steps, rate: rowsPerSecond, left: etaSeconds, remark });
          break;
        }
        case 'warning':
          session.note(`${value.stage}: ${value.message}`);
          break;
        case 'reuse':
          session.note(`${value.stage}: takes ${value.what} from earlier work`);
          break;
        case 'done':
          progress.stop();
          session.note(
            `${value.stage}: ${value.reused ? 'was there already' : 'done'}${value.path ? `, ${value.path}` : ''}`,
          );
          break;
        case 'stage':
        case 'checkpoint':
          break;
      }
    }
  } catch (error) {
    progress.stop();
    if (session.signal.aborted) session.note(`What was done is kept. Go on with it: ${resume}`);
    throw error;
  } finally {
    progress.stop();
  }
}

/** What a person types to go on with a run that was stopped. */
export function resumeLine(command: string, config: string | undefined, out: string | undefined): string {
  const words = ['freebind', command, config, out === undefined ? undefined : `--out ${out}`, '--resume'];
  return words.filter((word) => word !== undefined).join(' ');
}
