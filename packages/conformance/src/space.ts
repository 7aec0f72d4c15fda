import { type Embeddings, isFreebindError, type Modality, type Space } from '@freebind/core';
import type { ConformanceCase } from './case.ts';
import { check, checkClose, checkRejects, checkSame, checkShape, PATIENCE_MS, settle } from './check.ts';
import { rowsIn } from './naive.ts';
import { type SpaceSamples, standardSamples } from './space-samples.ts';

/** Largest distance of a row's length from 1: float32 roundings of some thousands of columns. */
const UNIT = 1e-5;
/** Smallest cosine of the same input embedded alone and in company: encoders that quantise activations pad and scale by the batch. */
const SAME = 0.99;
/** Largest change of a number when inputs of one call change places: a batch's arithmetic is the same in another order. */
const PLACE = 1e-4;

/** Everything that a space must do. `samples` must have two inputs or more of every modality of the space. */
export function spaceCases(samples: SpaceSamples = standardSamples()): readonly ConformanceCase<Space>[] {
  const samplesOf = (modality: string): readonly unknown[] => {
    const inputs = new Map(Object.entries(samples)).get(modality) ?? [];
    check(inputs.length >= 2, `No samples of "${modality}" were given; give the suite two or more different inputs.`);
    return inputs;
  };
  const everyModality = async (
    { manifest }: Space,
    run: (modality: string, inputs: readonly unknown[]) => Promise<void>,
  ): Promise<void> => {
    for (const modality of manifest.modalities) await run(modality, samplesOf(modality));
  };
  const first = (space: Space): readonly [string, readonly unknown[]] => {
    const [modality = ''] = space.manifest.modalities;
    return [modality, samplesOf(modality)];
  };

  return [
    {
      name: 'declares an id, a dimension, its modalities and where its numbers come from',
      async run({ manifest }) {
        check(manifest.id.trim() !== '', 'The id is empty, expected a name that tables and recipes can carry.');
        check(
          Number.isSafeInteger(manifest.dimension) && manifest.dimension >= 1,
          `The dimension is ${manifest.dimension}, expected a whole number of at least 1.`,
        );
        check(manifest.modalities.length > 0, 'There are no modalities, expected at least one.');
        checkSame(new Set(manifest.modalities).size, manifest.modalities.length, 'distinct modalities');
        for (const [name, text] of Object.entries(manifest.source))
          check(typeof text === 'string' && text !== '', `The source's ${name} is empty; say "unknown" if it is.`);
      },
    },
    {
      name: 'embeds every modality into unit rows of its dimension, marked as its own',
      async run(space) {
        await everyModality(space, async (modality, inputs) => {
          const out = await embed(space, modality, inputs);
          checkShape(out, inputs.length, space.manifest.dimension, `${inputs.length} of ${modality}`);
          checkSame(out.space, space.manifest.id, `the space of embedded ${modality}`);
          checkSame(out.unit, true, `unit of embedded ${modality}`);
          const lengths = rowsIn(out).map((row) => Math.hypot(...row));
          checkClose(lengths, new Float64Array(inputs.length).fill(1), UNIT, `lengths of rows of ${modality}`);
        });
      },
    },
    {
      name: 'gives one row an input, in the given order, and other rows for other inputs',
      async run(space) {
        await everyModality(space, async (modality, inputs) => {
          const forward = rowsIn(await embed(space, modality, inputs));
          const backward = rowsIn(await embed(space, modality, [...inputs].reverse())).toReversed();
          forward.forEach((row, i) =>
            checkClose(backward[i] ?? [], row, PLACE, `${modality} ${i} when the order of inputs is turned round`),
          );
          check(
            forward.every((row, i) => i === 0 || row.some((x, c) => Math.abs(x - (forward[0]?.[c] ?? 0)) > PLACE)),
            `Different inputs of ${modality} have the same row.`,
          );
        });
      },
    },
    {
      name: 'embeds an input alone as in company',
      async run(space) {
        await everyModality(space, async (modality, inputs) => {
          const together = rowsIn(await embed(space, modality, inputs));
          for (const [i, input] of inputs.entries()) {
            const [alone = []] = rowsIn(await embed(space, modality, [input]));
            const cosine = alone.reduce((sum, x, c) => sum + x * (together[i]?.[c] ?? 0), 0);
            check(
              cosine >= SAME,
              `${modality} ${i} alone and in company have the cosine ${cosine}, expected at least ${SAME}.`,
            );
          }
        });
      },
    },
    {
      name: 'embeds no inputs to no rows',
      async run(space) {
        await everyModality(space, async (modality) =>
          checkShape(await embed(space, modality, []), 0, space.manifest.dimension, `no ${modality}`),
        );
      },
    },
    {
      name: 'does not write to its inputs',
      async run(space) {
        await everyModality(space, async (modality, inputs) => {
          const before = JSON.stringify(inputs, plain);
          await embed(space, modality, inputs);
          check(JSON.stringify(inputs, plain) === before, `Inputs of ${modality} were changed by embed.`);
        });
      },
    },
    {
      name: 'embeds inputs that it may keep as others',
      async run(space) {
        if (space.embedEach === undefined) return;
        await everyModality(space, async (modality, inputs) => {
          // Inputs come from samples of the same name.
          const each = async (all: readonly unknown[], moved: boolean) =>
            (await space.embedEach?.(modality as Modality, all as never[], { moved })) ?? [];
          const kept = await each(inputs, false);
          const moved = await each(structuredClone(inputs), true);
          checkSame(moved.length, inputs.length, `answers for ${inputs.length} of ${modality}`);
          kept.forEach(({ row = [] }, i) =>
            checkClose(moved[i]?.row ?? [], row, PLACE, `${modality} ${i} that the space may keep`),
          );
        });
      },
    },
    {
      name: 'refuses a modality that it does not declare',
      async run(space) {
        await checkRejects(
          () => embed(space, 'a modality that nobody has', ['x']),
          'FREEBIND_CAPABILITY_MISSING',
          'embed of an undeclared modality',
        );
      },
    },
    {
      name: 'stops when its signal says so',
      async run(space) {
        const [modality, inputs] = first(space);
        const call = () => embed(space, modality, inputs, AbortSignal.abort());
        await checkRejects(call, 'FREEBIND_ABORTED', 'embed with an aborted signal');
      },
    },
    {
      name: 'refuses what comes after close, closes twice quietly and leaves no call hanging',
      closes: true,
      async run(space) {
        const [modality, inputs] = first(space);
        const call = embed(space, modality, inputs);
        const closing = space.close();
        const settled = await settle(call, PATIENCE_MS, 'embed in flight');
        check(
          settled.status === 'fulfilled' || isFreebindError(settled.reason, 'FREEBIND_CLOSED'),
          `embed in flight: found ${settled.status === 'rejected' ? String(settled.reason) : ''}, expected rows or FREEBIND_CLOSED.`,
        );
        await closing;
        await space.close();
        await checkRejects(() => embed(space, modality, inputs), 'FREEBIND_CLOSED', 'embed after close');
      },
    },
  ];
}

/** Typed arrays as lists, so that JSON compares their numbers. */
function plain(_key: string, value: unknown): unknown {
  return value instanceof Float32Array || value instanceof Uint8Array ? [...value] : value;
}

function embed(space: Space, modality: string, inputs: readonly unknown[], signal?: AbortSignal): Promise<Embeddings> {
  // Inputs come from samples of the same name, so they are what the modality is made of.
  return space.embed(modality as Modality, inputs as never[], signal === undefined ? {} : { signal });
}
