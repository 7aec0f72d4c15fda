import { type Feed, type GraphContract, OnnxEncoder, type Port } from '@freebind/encoder-onnx';
import { normaliseRows } from '@freebind/core';
import { describe, expect, test } from 'vitest';
import { readFloats, readGolden } from './arrays.ts';
import { testEveryEntryIsClaimed } from './claims.ts';
import { goldenPath, readManifest } from './folder.ts';

interface ModelEntry {
  readonly id: string;
  readonly file: string;
  readonly inputs?: Readonly<Record<string, readonly [type: string, dims: readonly number[]]>>;
  readonly outputs?: readonly string[];
  readonly dynamic_axes?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly model?: string;
  readonly role?: string;
  readonly tensor?: string;
  readonly case?: string;
  readonly shape?: readonly number[];
  readonly tol?: number;
}

const entries = (await readManifest<readonly ModelEntry[]>('models')) ?? [];
const claimed: string[] = [];
const models = entries.filter(({ file }) => file.endsWith('.onnx'));

/** What the manifest says that a graph takes and gives. */
function contractOf({ file, inputs = {}, outputs = [], dynamic_axes: axes = {} }: ModelEntry): GraphContract {
  const ports = Object.entries(inputs).map(([name, [type, dims]]): [string, Port] => [
    name,
    // The manifest's types are those of graphs.
    { type: type as Port['type'], dims: dims.map((dim, i) => axes[name]?.[String(i)] ?? dim) },
  ]);
  const made = entries.find(({ model, role }) => model === file && role === 'output');
  return { inputs: Object.fromEntries(ports), output: outputs[0] ?? '', dimension: made?.shape?.at(-1) ?? 0 };
}

describe.each(models.map((model) => [model.file, model] as const))('%s', (file, model) => {
  claimed.push(model.id);
  const own = entries.filter((entry) => entry.model === file);
  const cases = [...new Set(own.flatMap((entry) => (entry.role === 'output' ? [entry.case ?? ''] : [])))];

  test.each(cases)('%s: gives the official rows through a space’s encoder', async (name) => {
    const encoder = new OnnxEncoder({ path: async () => goldenPath(file), contract: contractOf(model), threads: 1 });
    try {
      const feeds: Record<string, Feed> = {};
      for (const { tensor = '', file: input } of own.filter((entry) => entry.case === name && entry.role === 'input')) {
        const { shape, data } = await readGolden(input);
        if (data instanceof Float64Array || data instanceof Int16Array)
          throw new Error(`${input} is of no graph's type`);
        const type = data instanceof Float32Array ? 'float32' : data instanceof BigInt64Array ? 'int64' : 'bool';
        feeds[tensor] = { type, dims: shape, data };
      }
      const rows = await encoder.run(feeds);
      const wanted = own.find((entry) => entry.case === name && entry.role === 'output');
      const golden = await readFloats(wanted?.file ?? '');
      expect(rows.dims).toEqual(wanted?.shape);
      const worst = golden.reduce((max, x, i) => Math.max(max, Math.abs(x - (rows.data[i] ?? Number.NaN))), 0);
      expect(worst).toBeLessThan(wanted?.tol ?? 0);
    } finally {
      await encoder.close();
    }
  });
  claimed.push(...own.filter(({ case: name }) => cases.includes(name ?? '')).map(({ id }) => id));
});

test('the embedding of a sound is the normalised mean over its clips', async () => {
  const files = ['out.audio_embeds', 'mean_embed', 'final_normalized'].map(
    (part) => `models/imagebind_audio.clips3.${part}.npy`,
  );
  claimed.push(...entries.filter(({ file }) => files.includes(file)).map(({ id }) => id));
  const [clips, mean, final] = await Promise.all(files.map(readFloats));
  const cols = mean?.length ?? 0;
  const found = Float32Array.from(
    { length: cols },
    (_, c) => [0, 1, 2].reduce((sum, r) => sum + (clips?.[r * cols + c] ?? 0), 0) / 3,
  );
  expect(Math.max(...found.map((x, c) => Math.abs(x - (mean?.[c] ?? 9))))).toBeLessThan(2e-4);
  const { data } = normaliseRows({ rows: 1, cols, data: found });
  expect(Math.max(...Array.from(data, (x, c) => Math.abs(x - (final?.[c] ?? 9))))).toBeLessThan(1e-5);
});

testEveryEntryIsClaimed('models', entries, claimed);
