import type { Backend, BackendManifest } from './backend.ts';
import { measureBackend } from './backend-rates.ts';
import { type BackendProbe, type BackendVerdict, judge, rankProbes } from './backend-verdict.ts';
import { wirePlugins } from './container.ts';
import { FreebindError } from './errors.ts';
import { backendOf } from './backend-choice.ts';
import type { ConfiguredPlugin } from './plugin.ts';
import type { Store } from './store.ts';

/** A backend that `auto` may choose. */
export interface BackendCandidate {
  readonly package: string;
  /** Version and options, as plain data; absent for what was configured in code, whose options nobody can see. */
  readonly identity?: { readonly version: string; readonly options: object };
  /** Starts it in a container of its own; it is closed with that. */
  readonly open: () => Promise<StartedBackend>;
}

/** A backend that was started to be measured or used. */
export interface StartedBackend {
  readonly backend: Backend;
  close(): Promise<void>;
}

/** Where probes are kept for the next run on this machine, by whatever they depend on. */
export interface ProbeMemory {
  recall(): Promise<readonly BackendProbe[] | undefined>;
  /** Quiet when it cannot be kept: that costs the next run the few seconds of a probe and nothing else. */
  keep(probes: readonly BackendProbe[]): Promise<void>;
}

/** A candidate that a configured plugin brings. */
export function candidateOf(
  plugin: ConfiguredPlugin,
  store?: Store,
  identity?: BackendCandidate['identity'],
): BackendCandidate {
  return {
    package: plugin.manifest.package,
    ...(identity !== undefined && { identity }),
    open: async () => {
      const wiring = await wirePlugins([plugin], store);
      try {
        return { backend: await wiring.backend(backendOf(plugin.manifest)), close: () => wiring.close() };
      } catch (error) {
        await wiring.close();
        throw error;
      }
    },
  };
}

/**
 * What else a machine is at was seen to make a probe six times as slow (of onnx, 30 of 189 GFLOP/s); candidates within this factor of
 * the fastest are measured twice.
 */
const CLOSE = 8;

/**
 * Starts and measures candidates, one after another, as two at once would slow each other. Those that the first round does not tell
 * apart for certain have a second, some seconds later, and the better of the two counts.
 */
export async function probeBackends(
  candidates: readonly BackendCandidate[],
  measure: typeof measureBackend = measureBackend,
): Promise<readonly BackendProbe[]> {
  const probes: BackendProbe[] = [];
  for (const candidate of candidates) probes.push(await probeBackend(candidate, measure));
  const [best] = rankProbes(probes);
  // Of the kind of rate that decides: what does not train is not close to what does, however fast its products are.
  const kind = best?.rates?.step === undefined ? 'matrix' : 'step';
  const rateOf = (probe: BackendProbe | undefined): number => probe?.rates?.[kind] ?? 0;
  const isClose = (probe: BackendProbe): boolean => rateOf(probe) > 0 && rateOf(probe) * CLOSE >= rateOf(best);
  if (probes.filter(isClose).length < 2) return probes;
  for (const [i, candidate] of candidates.entries()) {
    const first = probes[i];
    if (first === undefined || !isClose(first)) continue;
    const [better = first] = rankProbes([first, await probeBackend(candidate, measure)]);
    probes[i] = better;
  }
  return probes;
}

async function probeBackend(candidate: BackendCandidate, measure: typeof measureBackend): Promise<BackendProbe> {
  try {
    const started = await candidate.open();
    try {
      const { backend } = started;
      return { package: candidate.package, manifest: backend.manifest, rates: await measure(backend) };
    } finally {
      await started.close();
    }
  } catch (error) {
    return { package: candidate.package, problem: error instanceof Error ? error.message : String(error) };
  }
}

/** How `AutoBackend` goes about it. */
export interface AutoOptions {
  readonly memory?: ProbeMemory | undefined;
  /** Told what was chosen, when it has started. */
  readonly onBackend?: ((verdict: BackendVerdict) => void) | undefined;
  readonly measure?: typeof measureBackend;
}

/** The fastest of several backends, found on first use by a short probe or remembered from an earlier one. */
export class AutoBackend {
  readonly #candidates: readonly BackendCandidate[];
  readonly #options: AutoOptions;
  #started: Promise<StartedBackend> | undefined;
  #closed = false;

  constructor(candidates: readonly BackendCandidate[], options: AutoOptions = {}) {
    this.#candidates = candidates;
    this.#options = options;
  }

  /** @throws FREEBIND_PLUGIN_MISSING when there is no candidate, FREEBIND_DEVICE_UNAVAILABLE naming why none runs */
  async start(): Promise<Backend> {
    if (this.#closed)
      throw new FreebindError('FREEBIND_CLOSED', 'The backend was asked for after close; call freebind() again.');
    this.#started ??= this.#choose().catch((error: unknown) => {
      this.#started = undefined; // so that a second try can succeed, say after a driver was installed
      throw error;
    });
    return (await this.#started).backend;
  }

  /** Quiet when nothing was started, or a second time. */
  async close(): Promise<void> {
    this.#closed = true;
    const started = await this.#started?.catch(() => undefined);
    await started?.close(); // a wiring, which is quiet the second time
  }

  async #choose(): Promise<StartedBackend> {
    const { memory, measure } = this.#options;
    const [only, another] = this.#candidates;
    if (only === undefined) {
      throw new FreebindError(
        'FREEBIND_PLUGIN_MISSING',
        'No backend is installed that "auto" could choose. Install one: npm i @freebind/backend-onnx',
      );
    }
    if (another === undefined) return this.#startChosen([{ package: only.package }], false);
    const remembered = await memory?.recall();
    if (remembered !== undefined) {
      const started = await this.#startChosen(remembered, true).catch(() => undefined);
      if (started !== undefined) return started;
    }
    const probes = await probeBackends(this.#candidates, measure);
    const started = await this.#startChosen(probes, false);
    await memory?.keep(probes);
    return started;
  }

  /** Starts the best of `probes` and tells of it. @throws also when it is no longer on the device that was measured */
  async #startChosen(probes: readonly BackendProbe[], remembered: boolean): Promise<StartedBackend> {
    const chosen = judge(probes)?.package ?? (probes.length === 1 ? probes[0]?.package : undefined);
    const candidate = this.#candidates.find((one) => one.package === chosen);
    if (candidate === undefined) throw nothingRuns(probes);
    const started = await candidate.open();
    const { manifest } = started.backend;
    const measuredOn = probes.find((probe) => probe.package === chosen)?.manifest;
    if (measuredOn !== undefined && measuredOn.device !== manifest.device) {
      await started.close();
      throw deviceChanged(measuredOn, manifest);
    }
    const known = probes.map((probe) => (probe.package === chosen ? { ...probe, manifest } : probe));
    const verdict = judge(known, remembered);
    if (verdict !== undefined) this.#options.onBackend?.(verdict);
    return started;
  }
}

function nothingRuns(probes: readonly BackendProbe[]): FreebindError {
  const found = probes.map((probe) => `${probe.package}: ${probe.problem ?? 'was not tried'}`);
  return new FreebindError(
    'FREEBIND_DEVICE_UNAVAILABLE',
    `None of the backends that "auto" could choose runs on this machine. ${found.join(' ')}`,
  );
}

function deviceChanged(before: BackendManifest, now: BackendManifest): FreebindError {
  return new FreebindError(
    'FREEBIND_DEVICE_UNAVAILABLE',
    `${now.id} was measured on ${before.device} and runs on ${now.device} now. Measure again: freebind doctor`,
  );
}
