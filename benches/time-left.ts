/** Between two lines where there is no terminal, and between two changes of the line where there is one. */
const [LINE_EVERY_MS, CHANGE_EVERY_MS] = [10_000, 1000];

/** Says from time to time which share of a run is done and how long the rest takes at its rate; a run of seconds says nothing. */
export function timeLeft(
  out: { readonly isTTY?: boolean; write(text: string): unknown } = process.stderr,
): (share: number) => void {
  const start = performance.now();
  let told = start;
  return (share) => {
    const now = performance.now();
    if (told > start && share >= 1 && out.isTTY) out.write('\r\u001b[K');
    if (share >= 1 || now - told < (out.isTTY ? CHANGE_EVERY_MS : LINE_EVERY_MS)) return;
    told = now;
    const seconds = ((now - start) * (1 - share)) / share / 1000;
    const left = seconds < 60 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
    const line = `${(100 * share).toFixed(1)} % done, ${left} left`;
    out.write(out.isTTY ? `\r\u001b[K${line}` : `${line}\n`);
  };
}
