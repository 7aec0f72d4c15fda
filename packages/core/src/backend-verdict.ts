import type { BackendManifest } from './backend.ts';
import type { BackendRates } from './backend-rates.ts';

/** A backend as a probe found it. */
export interface BackendProbe {
  /** The package it is in. */
  readonly package: string;
  readonly manifest?: BackendManifest;
  readonly rates?: BackendRates;
  /** Why it does not run here, if so. */
  readonly problem?: string;
}

/** What `backend: 'auto'` chose, and why. Plain data. */
export interface BackendVerdict {
  /** The chosen one's package. */
  readonly package: string;
  /** One sentence with the rates that decided. */
  readonly why: string;
  /** Everything that was tried, fastest first; what does not run is last. */
  readonly probes: readonly BackendProbe[];
  /** The rates are those of an earlier run on this machine, with the same versions of everything. */
  readonly remembered: boolean;
}

/** Fastest first, by the training step; what does not train comes after what does, what does not run last. */
export function rankProbes(probes: readonly BackendProbe[]): readonly BackendProbe[] {
  const key = ({ rates }: BackendProbe): readonly [number, number] => [rates?.step ?? -1, rates?.matrix ?? -1];
  return probes.toSorted((a, b) => {
    const [[stepA, matrixA], [stepB, matrixB]] = [key(a), key(b)];
    return stepB - stepA || matrixB - matrixA;
  });
}

/**
 * What a backend loses to, when it is slower than the processor: `the processor (onnx on cpu, 2 threads, 98 GFLOP/s)`. A
 * device that is worth its transfers does not; a software device, or a small one beside many cores, does.
 */
export function losesTo(probe: BackendProbe, probes: readonly BackendProbe[]): string | undefined {
  const [best] = rankProbes(probes.filter(({ manifest }) => manifest !== undefined && isProcessor(manifest)));
  if (best?.manifest === undefined || probe.manifest === undefined || isProcessor(probe.manifest)) return undefined;
  if (speedOf(probe) >= speedOf(best)) return undefined;
  return `the processor (${best.manifest.id} on ${best.manifest.device}, ${speedOf(best)} GFLOP/s)`;
}

/** The verdict over probes of which at least one runs; undefined when none does. */
export function judge(probes: readonly BackendProbe[], remembered = false): BackendVerdict | undefined {
  const ranked = rankProbes(probes);
  const [best, ...others] = ranked;
  if (best?.manifest === undefined) return undefined;
  const rest = others.map((probe) => {
    if (probe.manifest === undefined) return `${probe.package} does not run here`;
    const lost = losesTo(probe, probes) === undefined ? '' : ', which loses to the processor';
    return `${speedOf(probe)} of ${probe.manifest.id} on ${probe.manifest.device}${lost}`;
  });
  const name = `backend auto is ${best.manifest.id} on ${best.manifest.device}`;
  const task = best.rates?.step === undefined ? 'matrix products' : "FreeBind's training step";
  const measured = `${speedOf(best)} GFLOP/s on ${task}, against ${rest.join('; ')}`;
  return {
    package: best.package,
    why:
      rest.length === 0
        ? `${name}, the only one that is installed`
        : `${name}: ${measured}${remembered ? ' (measured earlier)' : ''}`,
    probes: ranked,
    remembered,
  };
}

/** By what a backend is judged, in 10⁹ operations a second: its training step, or products when it does not train; 0 of what does not run. */
function speedOf({ rates }: BackendProbe): number {
  return rates?.step ?? rates?.matrix ?? 0;
}

/** Backends of the processor name their device so: `cpu, 2 threads`, `wasm, SIMD, 2 threads`. */
function isProcessor({ device }: BackendManifest): boolean {
  return /^(cpu|wasm|plain JavaScript)\b/.test(device);
}
