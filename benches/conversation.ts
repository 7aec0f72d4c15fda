import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A process that does what it is told, one line of JSON out and one back, and waits in between. */
export interface Conversation {
  /** @throws with the other side's words when it could not do it */
  ask(request: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>>;
  close(): void;
}

/** What an answer's line begins with; anything else on stdout is a driver that talks. */
const ANSWER = 'answer ';

/** Starts a program and talks to it. */
export function converse(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Conversation {
  const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const failed = new Promise<never>((_, reject) => child.on('error', reject));
  failed.catch(() => undefined); // told to whoever asks
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${command} ended instead of answering.`);
      if (value.startsWith(ANSWER)) return value.slice(ANSWER.length);
    }
  };
  return {
    ask: async (request) => {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const answer: unknown = JSON.parse(await Promise.race([next(), failed]));
      if (typeof answer !== 'object' || answer === null) throw new Error(`${command} answered no object.`);
      const fields = answer as Readonly<Record<string, unknown>>; // an object from JSON
      if (typeof fields['error'] === 'string') throw new Error(fields['error']);
      return fields;
    },
    close: () => void child.stdin.end(),
  };
}

/** Answers each line that comes in until there are no more. */
export async function answerLines(
  answer: (request: Readonly<Record<string, unknown>>) => Promise<Readonly<Record<string, unknown>>>,
): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as Readonly<Record<string, unknown>>; // what `ask` wrote
    const reply = await answer(request).catch((error: unknown) => ({
      error: error instanceof Error ? error.message : String(error),
    }));
    process.stdout.write(`${ANSWER}${JSON.stringify(reply)}\n`);
  }
}
