import type { Host } from './host.ts';

/** Node: Dawn's bindings, which load when they are needed, or a `navigator.gpu` that the program brought. */
export const host: Host = {
  findGpu: async () => {
    const { navigator } = globalThis as { readonly navigator?: { readonly gpu?: GPU } };
    if (navigator?.gpu) return navigator.gpu;
    const { createGpu } = await import('./dawn.ts');
    return createGpu();
  },
};
