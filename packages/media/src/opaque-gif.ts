/** Blocks before the first picture are told by these bytes (GIF89a, appendix A). */
const EXTENSION = 0x21;
const GRAPHIC_CONTROL = 0xf9;

/**
 * A GIF whose first picture has no transparent colour, so that its pixels of that colour are decoded to what the palette says, as
 * Pillow drops alpha: libvips makes them black. The same bytes where it has none.
 */
export function opaqueGif(bytes: Uint8Array): Uint8Array {
  const screen = bytes[10] ?? 0;
  let at = 13 + ((screen & 0x80) === 0 ? 0 : 3 * 2 ** ((screen & 7) + 1));
  while (bytes[at] === EXTENSION) {
    const flags = bytes[at + 3] ?? 0;
    if (bytes[at + 1] === GRAPHIC_CONTROL && (flags & 1) === 1) {
      const opaque = Uint8Array.from(bytes); // a Buffer would slice itself
      opaque[at + 3] = flags & ~1;
      return opaque;
    }
    // Pieces, each behind its length, up to an empty one.
    at += 2;
    while ((bytes[at] ?? 0) > 0) at += 1 + (bytes[at] ?? 0);
    at++;
  }
  return bytes;
}
