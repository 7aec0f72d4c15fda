import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Tensor } from '@freebind/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FIXTURES } from '../test/golden.ts';
import { checkpointOf } from '../test/write-checkpoint.ts';
import { importVariant } from './import-variant.ts';
import { PUBLISHED_HEADS as HEADS } from './published.ts';

/** Seven heads, 3 → 4 → 2, that PyTorch saved. */
const TINY = fileURLToPath(new URL('../../../fixtures/torch', import.meta.url));

let folder = '';
let out = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'freebind-refusals-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  out = join(await mkdtemp(join(folder, 'out-')), 'bonds');
});

afterEach(() => {
  assert(!existsSync(out), `${out} was written`);
});

function refusal(code: string, message: RegExp): object {
  return { code, message: expect.stringMatching(message) };
}

/** A copy of the tiny variant with one head's file replaced. */
async function withHead(head: string, file: Uint8Array): Promise<string> {
  const dir = await mkdtemp(join(folder, 'tiny-'));
  await cp(TINY, dir, { recursive: true });
  await writeFile(join(dir, 'InternVL_IB_Proj', head, 'best.pt'), file);
  return dir;
}

function zeros(...shape: readonly number[]): Tensor {
  return { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) };
}

function linear(name: string, input: number, output: number): Record<string, Tensor> {
  return { [`${name}.weight`]: zeros(output, input), [`${name}.bias`]: zeros(output) };
}

function norm(name: string, size: number): Record<string, Tensor> {
  const keys = ['weight', 'bias', 'running_mean', 'running_var'];
  return Object.fromEntries(keys.map((key) => [`${name}.${key}`, zeros(size)]));
}

/** The state dict of a projector, all zeros. */
function head(input: number, hidden: number, output: number): Record<string, Tensor> {
  return {
    ...linear('Head2.mlps.0', input, hidden),
    ...norm('Head2.mlps.1', hidden),
    ...linear('Head2.mlps.3', hidden, output),
    ...norm('Head2.mlps.4', output),
  };
}

describe('is refused, and nothing is written', () => {
  test('a variant that nobody published', async () => {
    await expect(importVariant(TINY, 'internvl++', out)).rejects.toMatchObject(
      refusal('FREEBIND_ARGUMENT_INVALID', /imagebind\+\+, internvl_ib/),
    );
  });

  test('a folder that is not there', async () => {
    await expect(importVariant(join(folder, 'none'), 'imagebind++', out)).rejects.toMatchObject(
      refusal('FREEBIND_FILE_MISSING', /none/),
    );
  });

  test('a folder without the directories; the message lists what was looked for and what is there', async () => {
    await expect(importVariant(TINY, 'imagebind++', out)).rejects.toMatchObject(
      refusal('FREEBIND_FILE_MISSING', /IB_PP_G_Proj\/, IB_PP_M_Proj\/; it has InternVL_IB_Proj/),
    );
  });

  test('a directory without a head', async () => {
    const dir = await withHead('AV', checkpointOf({}));
    await rm(join(dir, 'InternVL_IB_Proj/AV'), { recursive: true });
    await expect(importVariant(dir, 'internvl_ib', out)).rejects.toMatchObject(
      refusal('FREEBIND_FILE_MISSING', /InternVL_IB_Proj\/AV\/best\.pt/),
    );
  });

  test('a checkpoint of another network', async () => {
    const dir = await withHead('T', checkpointOf({ 'encoder.weight': zeros(2, 2) }));
    await expect(importVariant(dir, 'internvl_ib', out)).rejects.toMatchObject(
      refusal('FREEBIND_BOND_INVALID', /T\/best\.pt.*"Head2\.mlps\.0\.weight".*encoder\.weight/),
    );
  });

  test('a head without one of its tensors', async () => {
    const { 'Head2.mlps.4.bias': _, ...rest } = head(3, 4, 2);
    await expect(importVariant(await withHead('T', checkpointOf(rest)), 'internvl_ib', out)).rejects.toMatchObject(
      refusal('FREEBIND_BOND_INVALID', /no tensor "Head2\.mlps\.4\.bias"/),
    );
  });

  test('a head with one tensor of another shape', async () => {
    const dir = await withHead('T', checkpointOf({ ...head(3, 4, 2), 'Head2.mlps.1.bias': zeros(5) }));
    await expect(importVariant(dir, 'internvl_ib', out)).rejects.toMatchObject(
      refusal('FREEBIND_BOND_INVALID', /"Head2\.mlps\.1\.bias" of shape \[5\], expected \[4\]/),
    );
  });

  test('a head with a layer that the projector does not have', async () => {
    const dir = await withHead('T', checkpointOf({ ...head(3, 4, 2), 'Head2.mlps.6.weight': zeros(2, 2) }));
    await expect(importVariant(dir, 'internvl_ib', out)).rejects.toMatchObject(
      refusal('FREEBIND_BOND_INVALID', /"Head2\.mlps\.6\.weight", for which/),
    );
  });

  test('a head of other widths than the rest', async () => {
    const dir = await withHead('TV', checkpointOf(head(3, 4, 6)));
    await expect(importVariant(dir, 'internvl_ib', out)).rejects.toMatchObject(
      refusal('FREEBIND_BOND_INVALID', /6 columns for the space "internvl", but 2/),
    );
  });

  test('widths that are not those of the caller’s spaces', async () => {
    const options = { dimensions: { imagebind: 1024 } };
    await expect(importVariant(TINY, 'internvl_ib', out, options)).rejects.toMatchObject(
      refusal('FREEBIND_BOND_INVALID', /3 columns for the space "imagebind", but 1024/),
    );
  });

  test('a bound space of another width than the space it ends in', async () => {
    const dir = await withHead('T', checkpointOf(head(3, 4, 2)));
    for (const path of ['InternVL_IB_PP_G_Proj', 'InternVL_IB_PP_M_Proj'].flatMap((name) =>
      HEADS.map((h) => join(dir, name, h)),
    )) {
      await mkdir(path, { recursive: true });
      await writeFile(join(path, 'best.pt'), checkpointOf(head(5, 4, 3)));
    }
    await expect(importVariant(dir, 'internvl_ib++', out)).rejects.toMatchObject(
      refusal('FREEBIND_BOND_INVALID', /3 columns for the space "internvl", but 2/),
    );
  });

  test('a hostile head', async () => {
    const evil = await readFile(join(FIXTURES, 'projectors/malicious/evil_os_system.pt'));
    await expect(importVariant(await withHead('V', evil), 'internvl_ib', out)).rejects.toMatchObject(
      refusal('FREEBIND_FILE_UNSAFE', /system/),
    );
  });
});
