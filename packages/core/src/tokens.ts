import type { ServiceIdentifier } from 'inversify';
import type { Backend } from './backend.ts';
import type { Bond } from './bond.ts';
import type { PluginManifest } from './plugin.ts';
import type { Space } from './space.ts';
import type { Store } from './store.ts';

// A function, not an annotated constant: the annotation would narrow to `symbol` inside this file, and the inference of
// `toResolvedValue` parameters would fall back to `unknown`.
function token<T>(name: string): ServiceIdentifier<T> {
  return Symbol.for(`@freebind/${name}`);
}

/** Bound `whenNamed(space id)`. */
export const SPACE: ServiceIdentifier<Space> = token('Space');
/** Bound `whenNamed(bond id)`. */
export const BOND: ServiceIdentifier<Bond> = token('Bond');
/** Bound `whenNamed(backend id)`; a factory, because a backend starts asynchronously and only when it is used. */
export const BACKEND: ServiceIdentifier<() => Promise<Backend>> = token('Backend');
export const STORE: ServiceIdentifier<Store> = token('Store');
/** Unnamed: `getAll(PLUGIN)` is the catalogue of what is loaded. */
export const PLUGIN: ServiceIdentifier<PluginManifest> = token('Plugin');
