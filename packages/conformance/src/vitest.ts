import {
  type Backend,
  type Bond,
  type ConfiguredPlugin,
  type FreebindError,
  isFreebindError,
  type Space,
  type Store,
} from '@freebind/core';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { backendCases } from './backend/cases.ts';
import { bondCases, type BondUnderTest } from './bond.ts';
import { type ConformanceCase, reasonToSkip } from './case.ts';
import { pluginCases } from './plugin.ts';
import { type SpaceSamples, standardSamples } from './space-samples.ts';
import { spaceCases } from './space.ts';
import { storeCases } from './store.ts';

/**
 * Runs the suite on a backend. `create` may throw FREEBIND_DEVICE_UNAVAILABLE, where a machine has no device, or
 * FREEBIND_CAPABILITY_MISSING, where its device has not what was asked of it: both skip with their message.
 */
export function describeBackend(name: string, create: () => Backend | Promise<Backend>): void {
  describeCases(name, backendCases, create, (backend) => backend.close());
}

/** Runs the suite on a space. `samples` adds inputs of modalities that core does not know, or better ones. */
export function describeSpace(name: string, create: () => Space | Promise<Space>, samples: SpaceSamples = {}): void {
  const cases = spaceCases({ ...standardSamples(), ...samples });
  describeCases(name, cases, create, (space) => space.close());
}

/** Runs the suite on a bond. With its `data`, what it carries is compared with the formula. */
export function describeBond(name: string, create: () => Bond | Promise<Bond>, known: BondUnderTest = {}): void {
  describeCases(name, bondCases(known), create, (bond) => bond.close());
}

/** Runs the suite on a store that is empty. `remove` cleans up. */
export function describeStore(
  name: string,
  create: () => Store | Promise<Store>,
  remove: (store: Store) => Promise<void> = async () => undefined,
): void {
  describeCases(name, storeCases, create, remove);
}

/** Runs the suite on a plugin itself; what it brings has suites of its own. `packageJson` is that of its package, parsed. */
export function describePlugin(name: string, plugin: ConfiguredPlugin, packageJson: unknown): void {
  describeCases(
    name,
    pluginCases(packageJson),
    () => plugin,
    async () => undefined,
  );
}

// This file turns data into tests: titles are not literals, and assertions are inside of the cases.
/* oxlint-disable vitest/valid-title, vitest/expect-expect */
function describeCases<T extends object>(
  name: string,
  cases: readonly ConformanceCase<T>[],
  create: () => T | Promise<T>,
  close: (subject: T) => Promise<void>,
): void {
  describe(name, () => {
    let shared: T | FreebindError;

    beforeAll(async () => {
      shared = await open(create);
    });

    afterAll(async () => {
      if (!isFreebindError(shared)) await close(shared);
    });

    for (const required of cases) {
      test(required.name, async (context) => {
        if (isFreebindError(shared)) return context.skip(shared.message);
        const reason = reasonToSkip(required, shared);
        if (reason !== undefined) return context.skip(reason);
        if (!required.closes) return required.run(shared);
        const own = await create();
        try {
          await required.run(own);
        } finally {
          await close(own);
        }
      });
    }
  });
}

/** The subject, or why it cannot start on this machine. With FREEBIND_REQUIRE_DEVICE=1, as release jobs set, that is a failure. */
async function open<T>(create: () => T | Promise<T>): Promise<T | FreebindError> {
  try {
    return await create();
  } catch (error) {
    if (isFreebindError(error, 'FREEBIND_DEVICE_UNAVAILABLE') && process.env['FREEBIND_REQUIRE_DEVICE'] !== '1')
      return error;
    if (isFreebindError(error, 'FREEBIND_CAPABILITY_MISSING')) return error;
    throw error;
  }
}
