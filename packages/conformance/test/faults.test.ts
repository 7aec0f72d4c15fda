import { backendCases, runCase } from '@freebind/conformance';
import { type Backend, FreebindError } from '@freebind/core';
import { describe, expect, test } from 'vitest';
import { faults, faulty } from './faults.ts';

/** Names of the cases that `create`'s backends fail, each case on a backend of its own. */
async function failures(create: () => Backend, among = /./): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const required of backendCases.filter(({ name }) => among.test(name))) {
    const outcome = await runCase(required, create());
    if (outcome.status === 'fail') failed.push(required.name);
  }
  return failed;
}

function missing(what: string): FreebindError {
  return new FreebindError('FREEBIND_CAPABILITY_MISSING', `There is no ${what} here.`);
}

/** A backend that can neither train nor stream, and says so. */
function inferenceOnly(): Backend {
  return faulty((right) => {
    const { training: _training, streamedBank: _streamedBank, ...manifest } = right.manifest;
    return {
      manifest,
      openTrainer: () => Promise.reject(missing('training')),
      openBank: async (bank) => {
        if (bank.keys.rows > 1e6) throw missing('bank larger than memory');
        return right.openBank(bank);
      },
    };
  });
}

describe('the suite', () => {
  test.each(faults)('notices a backend that $name', async ({ create, noticedBy }) => {
    expect(await failures(create, noticedBy)).not.toEqual([]);
  });

  test('has nothing against the reference behind the same wrapper', async () => {
    const looked = new RegExp(faults.map(({ noticedBy }) => noticedBy.source).join('|'));
    expect(await failures(() => faulty(() => ({})), looked)).toEqual([]);
  });

  test('passes a backend that can neither train nor stream and says so', async () => {
    expect(await failures(inferenceOnly)).toEqual([]);
  });

  test('skips cases of a missing capability with the reason', async () => {
    const streams = backendCases.find(({ requires }) => requires === 'streamedBank');
    const refuses = backendCases.find(({ unless }) => unless === 'streamedBank');
    if (streams === undefined || refuses === undefined) throw new Error('Both answers of a capability must be tested.');
    expect(await runCase(streams, inferenceOnly())).toEqual({
      status: 'skip',
      reason: 'its manifest does not declare "streamedBank"',
    });
    expect(
      await runCase(
        refuses,
        faulty(() => ({})),
      ),
    ).toEqual({
      status: 'skip',
      reason: 'its manifest declares "streamedBank"',
    });
  });

  test('names each case once', () => {
    const names = backendCases.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
