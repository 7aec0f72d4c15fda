/**
 * Samples of an Ogg Opus file at 48 kHz: the granule position of its last page less what its head says to skip (RFC 7845, 4.2 to
 * 4.5). The last packet holds more, to fill it up, and decoders that do not look at pages give that as well. Undefined where
 * the pages do not say.
 */
export function opusLength(bytes: Uint8Array): number | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const head = file.indexOf('OpusHead', 0, 'latin1');
  const last = file.lastIndexOf('OggS', undefined, 'latin1');
  if (head < 0 || head + 12 > file.length || last < 0 || last + 14 > file.length) return undefined;
  const length = Number(file.readBigInt64LE(last + 6)) - file.readUInt16LE(head + 10);
  return length > 0 ? length : undefined;
}
