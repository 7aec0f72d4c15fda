import reference, { ReferenceBackend } from '@freebind/backend-reference';
import { conform, type ConformanceResult, formatReport } from '@freebind/conformance';
import { BACKEND, type Backend, definePlugin, FreebindError } from '@freebind/core';
import { describe, expect, test } from 'vitest';
import referencePackage from '../../backend-reference/package.json' with { type: 'json' };

const manifest = { apiVersion: 1, package: 'freebind-toy', backends: ['toy'] };
const packageJson = {
  name: 'freebind-toy',
  peerDependencies: { '@freebind/core': '^0.1.0' },
  freebind: manifest,
};

/** A plugin whose only backend is what `open` gives. */
function toy(open: () => Promise<Backend>) {
  return definePlugin(manifest, ({ bind }) => {
    bind(BACKEND).toConstantValue(open).whenNamed('toy');
  })();
}

const noDevice = async (): Promise<Backend> => {
  throw new FreebindError('FREEBIND_DEVICE_UNAVAILABLE', 'There is no such device; plug one in.');
};

describe('conform', () => {
  test('passes the reference plugin and everything it brings, skipping with reasons only', async () => {
    const seen: ConformanceResult[] = [];
    const report = await conform(reference({ precision: 'float64' }), {
      packageJson: referencePackage,
      onResult: (result) => seen.push(result),
    });
    expect(report.results.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(report).toMatchObject({ package: '@freebind/backend-reference', failed: 0 });
    expect(report.passed).toBeGreaterThan(60);
    expect(seen).toEqual(report.results);
    expect(report.results.filter(({ status }) => status === 'skip').map(({ message }) => message)).toEqual([
      'its manifest declares "streamedBank"',
      'its manifest declares "training"',
    ]);
    expect(formatReport(report)).toContain(`${report.passed} passed, 2 skipped, 0 failed`);
  });

  test('skips a backend whose device is not there, with its message', async () => {
    const report = await conform(toy(noDevice), { packageJson });
    const backend = report.results.filter(({ subject }) => subject === 'backend "toy"');
    expect(backend.length).toBeGreaterThan(60);
    expect(
      backend.every(({ status, message }) => status === 'skip' && message === 'There is no such device; plug one in.'),
    ).toBe(true);
    expect(report.failed).toBe(0);
  });

  test('fails a backend whose device is not there when a device is required', async () => {
    const report = await conform(toy(noDevice), { packageJson, requireDevice: true });
    expect(report.failed).toBe(1);
    expect(formatReport(report)).toContain('FREEBIND_DEVICE_UNAVAILABLE: There is no such device; plug one in.');
  });

  test('notices a package.json that says something else and a backend of another name', async () => {
    const report = await conform(
      toy(async () => new ReferenceBackend()),
      { packageJson: { ...packageJson, peerDependencies: {}, freebind: { ...manifest, backends: [] } } },
    );
    expect(report.results.filter(({ status }) => status === 'fail').map(({ name }) => name)).toEqual([
      'says under "freebind" in package.json what its manifest says',
      'takes core from its host',
      'answers to the name "toy"',
    ]);
  });

  test('notices a name that is listed and not bound', async () => {
    const lying = definePlugin({ ...manifest, backends: ['toy', 'other'] }, ({ bind }) => {
      bind(BACKEND).toConstantValue(noDevice).whenNamed('toy');
    });
    const report = await conform(lying(), { packageJson });
    expect(report.results.filter(({ status }) => status === 'fail').map(({ name }) => name)).toContain(
      'binds each name that its manifest lists, and nothing that it does not',
    );
  });
});
