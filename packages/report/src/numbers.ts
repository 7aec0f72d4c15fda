import type { Figure } from './result.ts';

/** Figures with one decimal, as papers print recalls; a true minus sign, so that columns of signs line up. */
export function oneDecimal(value: number): string {
  const text = value.toFixed(1);
  return text === '-0.0' ? '0.0' : text.replace('-', '−');
}

/** `24.1–29.0`, the ends of an interval; `to` between them where one is negative. */
export function interval({ low, high }: Pick<Figure, 'low' | 'high'>): string {
  return `${oneDecimal(low)}${low < 0 || high < 0 ? ' to ' : '–'}${oneDecimal(high)}`;
}

/** `+4.2`, `0.0` or `−0.3`. */
export function signed(value: number): string {
  const text = oneDecimal(value);
  return text.startsWith('−') || text === '0.0' ? text : `+${text}`;
}

/** `4.2 s`, `42 s` or `2 min 5 s`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 120 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** `1,418`. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** A factor as recipes write it, at most two decimals: `0.5`, `0.05`. */
export function factor(value: number): string {
  return String(Number(value.toFixed(2)));
}

/** `8.5 times as high`, where a ratio says something: not from zero, and not for a change of a few percent. */
export function ratio(before: number, after: number): string {
  if (before <= 0 || after / before < 1.1) return '';
  return `${(after / before).toFixed(1)} times as high`;
}
