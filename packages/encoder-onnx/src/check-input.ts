import { describeKind, FreebindError } from '@freebind/core';

/** What an input of one of core's modalities is, in words, and whether a value is that. */
interface Shape {
  readonly expected: string;
  readonly fits: (input: unknown) => boolean;
}

const SHAPES: ReadonlyMap<string, Shape> = new Map([
  ['text', { expected: 'a text, a string, was expected', fits: (input) => typeof input === 'string' }],
  [
    'image',
    {
      expected:
        'an encoded picture, { bytes } with a Uint8Array, was expected. `readImage` of @freebind/media makes it of a path or of bytes',
      fits: (input) => fieldOf(input, 'bytes') instanceof Uint8Array,
    },
  ],
  [
    'audio',
    {
      expected:
        'a decoded sound, { channels, sampleRate } with a Float32Array a channel, was expected. `readAudio` of @freebind/media makes it of a path or of bytes',
      fits: (input) => {
        const channels = fieldOf(input, 'channels');
        const areSamples = Array.isArray(channels) && channels.every((channel) => channel instanceof Float32Array);
        return areSamples && typeof fieldOf(input, 'sampleRate') === 'number';
      },
    },
  ],
]);

/**
 * Refuses an input that is not what its modality is made of, which TypeScript sees and JavaScript does not. Of modalities that
 * others declared nothing is known.
 *
 * @throws FREEBIND_ARGUMENT_INVALID
 */
export function checkInput(modality: string, input: unknown): void {
  const shape = SHAPES.get(modality);
  if (shape === undefined || shape.fits(input)) return;
  throw new FreebindError('FREEBIND_ARGUMENT_INVALID', `It is ${describeKind(input)}, but ${shape.expected}.`);
}

function fieldOf(input: unknown, name: string): unknown {
  return typeof input === 'object' && input !== null && name in input
    ? (input as Readonly<Record<string, unknown>>)[name] // it was found there
    : undefined;
}
