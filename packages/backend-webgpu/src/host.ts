/**
 * What this package needs of where it runs. Bundlers and Node choose between `host-node.ts` and `host-browser.ts` by the condition
 * "browser" of `#host` in package.json; everything else here is written against the WebGPU standard alone and runs in both.
 */
export interface Host {
  /**
   * The entry to WebGPU. Whoever calls this keeps it for as long as its device is used, and not longer: see `dawn.ts`.
   * `experimental`: with features that the standard has not yet, where the host can say so.
   * @throws when there is none, saying why
   */
  findGpu(experimental: boolean): Promise<GPU>;

  /** Where what was measured is kept for later runs, by whatever it depends on, as plain data; absent where nothing can be kept. */
  openMeasurements?(identity: object): Measurements;
}

/** Plain data that can be measured again: what cannot be read or kept is not there, and quietly so. */
export interface Measurements {
  recall(): Promise<unknown>;
  keep(measured: object): Promise<void>;
}
