import type { Writable } from 'node:stream';
import { Presets, SingleBar } from 'cli-progress';
import { formatBytes } from './bytes.ts';

/** How far a piece of work is. */
export interface Mark {
  /** What is being done: `project`, `mixture 2 of 7: A`. A new stage starts a new bar. */
  readonly stage: string;
  readonly done: number;
  readonly total: number;
  /** What is counted. Default `rows`. */
  readonly unit?: 'rows' | 'bytes';
  /** Rows a second and seconds left, where the work itself measures them; else they follow from `done`. */
  readonly rate?: number;
  readonly left?: number;
  /** Said at the end: a loss, a temperature. */
  readonly remark?: string;
}

/** Nothing is drawn for work that is done before this. */
const PATIENCE_MS = 1000;
/** Between two plain lines where there is no terminal. */
const LINE_EVERY_MS = 10_000;

/** A bar with rate and time left on a terminal, an occasional plain line elsewhere. */
export class Progress {
  readonly #style: 'bar' | 'lines' | 'silent';
  readonly #out: Writable;
  #bar: SingleBar | undefined;
  #stage: string | undefined;
  #started = performance.now();
  #shown = this.#started;
  /** When the stage before was last heard of: that is when a new one began. */
  #updated = this.#started;

  constructor(style: 'bar' | 'lines' | 'silent', out: Writable) {
    this.#style = style;
    this.#out = out;
  }

  update(mark: Mark): void {
    if (this.#style === 'silent') return;
    const now = performance.now();
    if (mark.stage !== this.#stage) {
      this.#endBar();
      this.#stage = mark.stage;
      this.#started = this.#updated;
    }
    this.#updated = now;
    const seconds = (now - this.#started) / 1000;
    const rate = mark.rate ?? mark.done / Math.max(seconds, 1e-3);
    const left = mark.left ?? (mark.total - mark.done) / Math.max(rate, 1e-9);
    const speed = mark.unit === 'bytes' ? formatBytes(rate) : `${formatCount(rate)} rows`;
    const rest = `${speed}/s, ${formatSeconds(left)} left${mark.remark ? `, ${mark.remark}` : ''}`;
    if (this.#style === 'lines') {
      if (now - this.#shown < LINE_EVERY_MS) return;
      this.#shown = now;
      const [done, total] = [mark.done, mark.total].map(mark.unit === 'bytes' ? formatBytes : String);
      this.#out.write(`${mark.stage}: ${done} of ${total}, ${rest}\n`);
      return;
    }
    if (this.#bar === undefined) {
      if (now - this.#shown < PATIENCE_MS) return;
      this.#bar = new SingleBar(
        {
          format: '{stage} {bar} {value}/{total}  {rest}',
          stream: this.#out,
          hideCursor: true,
          clearOnComplete: true,
          barsize: 24,
          // Redrawn when told, not by a timer: training blocks the event loop anyway.
          noTTYOutput: false,
          forceRedraw: true,
        },
        Presets.shades_classic,
      );
      this.#bar.start(mark.total, mark.done, { stage: mark.stage, rest });
    }
    this.#bar.setTotal(mark.total);
    this.#bar.update(mark.done, { stage: mark.stage, rest });
  }

  /** Leaves the terminal as it was found; to be called in any case. */
  stop(): void {
    this.#endBar();
  }

  #endBar(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}

/** 9.2, 480, 12.3k, 4.5M. */
export function formatCount(n: number): string {
  if (n >= 1e6) return `${(n / 1e6).toFixed(1)}M`;
  if (n >= 1e4) return `${(n / 1e3).toFixed(1)}k`;
  return n >= 100 ? n.toFixed(0) : n.toFixed(1);
}

/** 8 s, 2 min 05 s, 1 h 12 min. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}
