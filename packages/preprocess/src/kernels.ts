import { KERNEL_CODE } from './kernel-code.ts';

/** What `kernels/kernels.wat` exports, where each is described; addresses are in bytes of `memory`. */
interface Kernels {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  across(
    src: number,
    stride: number,
    rows: number,
    starts: number,
    counts: number,
    weights: number,
    pairs: number,
    width: number,
    out: number,
  ): void;
  down(
    src: number,
    stride: number,
    starts: number,
    counts: number,
    weights: number,
    pairs: number,
    height: number,
    out: number,
  ): void;
  planes(pixels: number, count: number, red: number, green: number, blue: number): void;
  filter(
    x: number,
    first: number,
    weights: number,
    taps: number,
    up: number,
    down: number,
    phase: number,
    rest: number,
    count: number,
    apart: number,
    out: number,
    outApart: number,
  ): void;
  largest(x: number, count: number): number;
  quantise(x: number, count: number): void;
  frames(
    a: number,
    b: number,
    count: number,
    emphasis: number,
    offsetA: number,
    offsetB: number,
    window: number,
    places: number,
    half: number,
    z: number,
  ): void;
  spectrum(z: number, half: number, turns: number, powers: number): void;
  levels(
    powers: number,
    first: number,
    begin: number,
    weights: number,
    count: number,
    floor: number,
    scale: number,
    out: number,
    other: number,
  ): void;
}

/** The part of WebAssembly that is used, which the libraries of TypeScript declare for browsers only. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
};

const PAGE = 2 ** 16;
/** What may be read or written past an end. */
const MARGIN = 16;

/** Compiled at the first call of a thread, and kept: code, and scratch memory in which no call leaves anything for another. */
let opened: Kernels | undefined;

/** The kernels with room for arrays of so many bytes, and where each array lies, at a multiple of 16. */
export function kernelsFor<const Sizes extends readonly number[]>(
  sizes: Sizes,
): { readonly kernels: Kernels; readonly at: { readonly [I in keyof Sizes]: number } } {
  opened ??= open();
  let end = 0;
  const at = sizes.map((size) => {
    const start = end;
    end += MARGIN * Math.ceil((size + MARGIN) / MARGIN);
    return start;
  });
  const missing = end - opened.memory.buffer.byteLength;
  if (missing > 0) opened.memory.grow(Math.ceil(missing / PAGE));
  // One for each size.
  return { kernels: opened, at: at as { readonly [I in keyof Sizes]: number } };
}

function open(): Kernels {
  const code = Uint8Array.from(atob(KERNEL_CODE), (letter) => letter.charCodeAt(0));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code));
  // As the source has them.
  return exports as Kernels;
}
