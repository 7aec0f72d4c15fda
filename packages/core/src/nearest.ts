/** The word of `known` that `word` is most likely a slip of, or undefined when none is close: for "did you mean". */
export function nearest(word: string, known: readonly string[]): string | undefined {
  // A third of the letters may be wrong, or two, which is what swapping neighbours costs; beyond that a guess misleads.
  const limit = word.length < 4 ? 1 : Math.max(2, Math.floor(word.length / 3));
  const best = known
    .map((candidate) => ({ candidate, edits: edits(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits)[0];
  return best !== undefined && best.edits <= limit ? best.candidate : undefined;
}

// Levenshtein's distance, one row of the table at a time.
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
