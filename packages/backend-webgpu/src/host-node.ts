import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { FolderStore, userCache } from '@freebind/core/files';
import type { Host, Measurements } from './host.ts';

/** Node: Dawn's bindings, which load when they are needed, or a `navigator.gpu` that the program brought. */
export const host: Host = {
  findGpu: async (experimental) => {
    const { navigator } = globalThis as { readonly navigator?: { readonly gpu?: GPU } };
    if (navigator?.gpu) return navigator.gpu;
    const { createGpu } = await import('./dawn.ts');
    return createGpu(experimental);
  },
  openMeasurements,
};

/** A file in the user's cache, named by what it was measured on. */
function openMeasurements(identity: object): Measurements {
  const madeFrom = { ...identity, platform: process.platform, arch: process.arch, dawn: dawnVersion() };
  const name = createHash('sha256').update(JSON.stringify(madeFrom)).digest('hex').slice(0, 40);
  const [store, key] = [new FolderStore(userCache()), `webgpu-tiles/${name}.json`];
  return {
    recall: async () => {
      try {
        const bytes = await store.get(key);
        return (
          bytes && (JSON.parse(new TextDecoder().decode(bytes)) as { readonly measured?: unknown } | null)?.measured
        );
      } catch {
        return undefined; // damaged, or not ours to read: it is measured and written anew
      }
    },
    keep: async (measured) => {
      const text = `${JSON.stringify({ madeFrom, measured }, undefined, 2)}\n`;
      // A disk that is full costs the next run the time of measuring and nothing else.
      await store.put(key, new TextEncoder().encode(text)).catch(() => undefined);
    },
  };
}

function dawnVersion(): string {
  try {
    const { version } = createRequire(import.meta.url)('webgpu/package.json') as { readonly version: string };
    return version;
  } catch {
    return 'none'; // where the program brought a `navigator.gpu`
  }
}
