import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { EmbedEvent } from '../src/events.ts';
import type { Items } from '../src/items.ts';

/** A folder that is gone after the test. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'freebind-embed-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Texts as a list of inputs. */
export function textItems(texts: readonly string[]): Items {
  return async function* items() {
    for (const text of texts) yield { id: text, text };
  };
}

/** Texts `word 0`, `word 1`, … */
export function words(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `word ${i}`);
}

/** Runs to the end: all events and the result. */
export async function runAll<Result>(
  run: AsyncGenerator<EmbedEvent, Result, undefined>,
  onEvent?: (event: EmbedEvent) => void,
): Promise<{ readonly events: readonly EmbedEvent[]; readonly result: Result }> {
  const events: EmbedEvent[] = [];
  for (;;) {
    const { done, value } = await run.next();
    if (done === true) return { events, result: value };
    events.push(value);
    onEvent?.(value);
  }
}

/** Names and hashes of a folder's files, those in folders as well. */
export function filesIn(dir: string): Readonly<Record<string, string>> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return Object.fromEntries(
    paths.map((path) => [path.slice(dir.length + 1), createHash('sha256').update(readFileSync(path)).digest('hex')]),
  );
}
