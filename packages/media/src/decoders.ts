/** What the decoders of the wasm-audio-decoders family give of a piece of a file. */
export interface Decoded {
  readonly channelData: readonly Float32Array[];
  readonly sampleRate: number;
  readonly errors: readonly { readonly message: string }[];
}

/** One of these decoders. */
interface Decoder {
  readonly ready: Promise<void>;
  free(): void;
}

/** Decodes with a decoder that is let go in the end. */
export async function using<D extends Decoder>(decoder: D, decode: (decoder: D) => Promise<void>): Promise<void> {
  try {
    await decoder.ready;
    await decode(decoder);
  } finally {
    decoder.free();
  }
}

/** The bytes of a file, a piece at a time. */
export function* piecesOf(bytes: Uint8Array, size: number): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
