import { initialise, normalMatrix, projector, type ProjectorRunner, random } from '@freebind/core';
import type { BackendTask } from '../task.ts';

interface Shape extends Readonly<Record<string, number>> {
  readonly rows: number;
  readonly heads: number;
  readonly input: number;
  readonly hidden: number;
  readonly output: number;
}

const SIZES: readonly Shape[] = [
  ...[8192, 512, 64].map((rows) => ({ rows, heads: 7, input: 1024, hidden: 2048, output: 768 })),
  { rows: 64, heads: 7, input: 256, hidden: 512, output: 192 },
];

/** A projection through a mixture of heads, in one pass as a bond does it, or in as many passes as there are heads. */
function projection(name: string, passes: string, apart: boolean): BackendTask<Shape> {
  return {
    name,
    sizes: SIZES,
    peer: 'pytorch',
    operations: ({ rows, heads, input, hidden, output }) => 2 * rows * heads * hidden * (input + output),
    describe: ({ rows, heads, input, hidden, output }) =>
      `projection of ${rows} rows, ${heads} heads ${input} → ${hidden} → ${output}, ${passes}`,
    async open(backend, { rows, heads, input, hidden, output }) {
      const mixture = Array.from({ length: heads }, (_, i) =>
        initialise(projector({ input, hidden, output }), random('bench', i), 'xavier'),
      );
      const runners: ProjectorRunner[] = [];
      for (const pass of apart ? mixture.map((head) => [head]) : [mixture])
        runners.push(await backend.openProjector(pass));
      const given = normalMatrix(rows, input, random('bench', 'rows'));
      return {
        run: async () => {
          for (const runner of runners) await runner.project(given);
        },
        close: async () => {
          for (const runner of runners) await runner.close();
        },
      };
    },
  };
}

/** The seven heads of a bond as one pass. */
export const project = projection('project', 'one pass', false);
/** The same heads one after another, which is what the one pass saves. */
export const projectApart = projection('project-apart', 'seven passes', true);
