import type { Backend } from '../backend.ts';
import type { Matrix } from '../matrix.ts';
import { evaluateDirections } from './directions.ts';

/** Rows by modality, [n, d] of one width, row i being the same item in each: what can be searched by cosine. */
export type Searchable = Readonly<Partial<Record<string, Matrix>>>;

/** Two spaces that can both search the same pair of modalities. */
export interface Duel {
  readonly pair: readonly [string, string];
  readonly base: Searchable;
  readonly expert: Searchable;
}

/** Shares of the base space's score that are tried. */
const SHARES = Array.from({ length: 21 }, (_, i) => i / 20);

/**
 * Rows whose cosine is `share` of the base space's cosine and the rest of the expert's, so that mixing scores is searching
 * like anything else: both spaces' unit rows side by side, scaled by √share and √(1 − share). The control that tells what
 * experts give without a projector.
 */
export function mixScores({ pair, base, expert }: Duel, share: number): Readonly<Record<string, Matrix>> {
  return Object.fromEntries(
    pair.flatMap((modality) => {
      const [own, theirs] = [base[modality], expert[modality]];
      return own === undefined || theirs === undefined ? [] : [[modality, sideBySide(own, theirs, share)] as const];
    }),
  );
}

/** The share with the best mean R@1 over both directions of the pair; of equal ones the smallest. To be chosen on validation items. */
export async function chooseShare(duel: Duel, backend: Backend): Promise<number> {
  let best = 0;
  let most = -1;
  for (const share of SHARES) {
    const modalities = mixScores(duel, share);
    const { mean } = await evaluateDirections({ modalities, ks: [1], backend, interval: { seed: 0, resamples: 2 } });
    const value = mean[0]?.value ?? 0;
    if (value <= most) continue;
    most = value;
    best = share;
  }
  return best;
}

function sideBySide(a: Matrix, b: Matrix, share: number): Matrix {
  const cols = a.cols + b.cols;
  const data = new Float32Array(a.rows * cols);
  const [left, right] = [Math.sqrt(share), Math.sqrt(1 - share)];
  for (let r = 0; r < a.rows; r++) {
    for (let c = 0; c < a.cols; c++) data[r * cols + c] = left * (a.data[r * a.cols + c] ?? 0);
    for (let c = 0; c < b.cols; c++) data[r * cols + a.cols + c] = right * (b.data[r * b.cols + c] ?? 0);
  }
  return { rows: a.rows, cols, data };
}
