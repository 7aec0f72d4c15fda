import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Backend, BACKEND, type ConfiguredPlugin, isFreebindError, type Plugin } from '@freebind/core';
import { Container, ContainerModule } from 'inversify';

/** A backend that golden data is checked on. */
export interface GoldenBackend {
  /** For test names: `reference, float64`. */
  readonly name: string;
  readonly precision: 'float32' | 'float64';
  /** Why it cannot run on this machine, if so. */
  readonly unavailable?: string;
  open(): Promise<Backend>;
}

/** Options to run a backend with, where one run with its defaults is not enough. */
const VARIANTS: Readonly<Record<string, readonly object[]>> = {
  'backend-reference': [{ precision: 'float64' }, { precision: 'float32' }],
  'backend-tfjs': [{ runtime: 'wasm' }, { runtime: 'cpu' }],
};
/** The same in `npm run test:devices`, which is about what runs on a device. */
const DEVICE_VARIANTS: typeof VARIANTS = {
  'backend-onnx': [{ device: 'webgpu' }],
  'backend-reference': [],
  'backend-tfjs': [{ runtime: 'webgpu' }],
};

const packages = fileURLToPath(new URL('../../packages/', import.meta.url));

/**
 * Every backend of this repository: whatever package is called `backend-*` joins without a line here. One that says it cannot
 * run on this machine is listed with its reason (with FREEBIND_REQUIRE_DEVICE=1 that is a failure); any other failure is a failure.
 */
export async function goldenBackends(): Promise<readonly GoldenBackend[]> {
  const found = readdirSync(packages).filter(
    (name) => name.startsWith('backend-') && existsSync(`${packages}${name}/src/index.ts`),
  );
  const variants = process.env['FREEBIND_TEST_DEVICES'] === '1' ? DEVICE_VARIANTS : VARIANTS;
  const backends: GoldenBackend[] = [];
  for (const name of found.sort()) {
    // A backend package's default export is its plugin; that is what makes it one.
    const { default: plugin } = (await import(`@freebind/${name}`)) as { readonly default: Plugin<object> };
    for (const options of variants[name] ?? [{}]) backends.push(...(await listed(plugin, options)));
  }
  return backends;
}

async function listed(plugin: Plugin<object>, options: object): Promise<readonly GoldenBackend[]> {
  const configured = plugin(options);
  return Promise.all(
    (plugin.manifest.backends ?? []).map(async (id): Promise<GoldenBackend> => {
      const open = opener(configured, id);
      try {
        const backend = await open();
        const { precision } = backend.manifest;
        await backend.close();
        return { name: `${id}, ${precision}`, precision, open };
      } catch (error) {
        const required = process.env['FREEBIND_REQUIRE_DEVICE'] === '1';
        if (required || !isFreebindError(error, 'FREEBIND_DEVICE_UNAVAILABLE')) throw error;
        return { name: id, precision: 'float32', unavailable: error.message, open };
      }
    }),
  );
}

function opener(plugin: ConfiguredPlugin, id: string): () => Promise<Backend> {
  const container = new Container();
  container.load(new ContainerModule(plugin.load));
  return container.get(BACKEND, { name: id });
}
