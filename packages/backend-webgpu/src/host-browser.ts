import type { Host } from './host.ts';

/** A browser, or a worker in one. */
export const host: Host = {
  findGpu: async () => {
    const { navigator } = globalThis as { readonly navigator?: { readonly gpu?: GPU } };
    if (navigator?.gpu) return navigator.gpu;
    throw new Error('this page has no navigator.gpu, which browsers give to pages from https or localhost only');
  },
};
