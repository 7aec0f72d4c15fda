/** The formats that are decoded, by what a file's first bytes say; its name is not asked. */
export type ImageFormat = 'jpeg' | 'png' | 'gif' | 'webp' | 'avif' | 'tiff';
export type AudioFormat = 'wav' | 'flac' | 'mp3' | 'vorbis' | 'opus' | 'm4a';

/** The picture format of some bytes, or undefined. */
export function sniffImage(bytes: Uint8Array): ImageFormat | undefined {
  if (starts(bytes, [0xff, 0xd8, 0xff])) return 'jpeg';
  if (starts(bytes, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) return 'png';
  if (says(bytes, 0, 'GIF87a') || says(bytes, 0, 'GIF89a')) return 'gif';
  if (says(bytes, 0, 'RIFF') && says(bytes, 8, 'WEBP')) return 'webp';
  if (starts(bytes, [0x49, 0x49, 0x2a, 0]) || starts(bytes, [0x4d, 0x4d, 0, 0x2a])) return 'tiff';
  if (says(bytes, 4, 'ftypavif') || says(bytes, 4, 'ftypavis') || says(bytes, 4, 'ftypmif1')) return 'avif';
  return undefined;
}

/** The sound format of some bytes, or undefined. */
export function sniffAudio(bytes: Uint8Array): AudioFormat | undefined {
  if ((says(bytes, 0, 'RIFF') || says(bytes, 0, 'RF64')) && says(bytes, 8, 'WAVE')) return 'wav';
  if (says(bytes, 0, 'fLaC')) return 'flac';
  if (says(bytes, 0, 'OggS')) return sniffOgg(bytes);
  if (says(bytes, 4, 'ftyp')) return 'm4a';
  const start = id3Length(bytes);
  if (says(bytes, start, 'fLaC')) return 'flac';
  if (start > 0) return 'mp3';
  // An MPEG frame header: eleven bits of sync, layer III, and neither a reserved version nor bit rate 15.
  const [a = 0, b = 0, c = 0] = bytes;
  return a === 0xff && (b & 0xe6) === 0xe2 && (b & 0x18) !== 0x08 && c >> 4 !== 15 ? 'mp3' : undefined;
}

/** The codec that the first page of an Ogg file begins with. */
function sniffOgg(bytes: Uint8Array): AudioFormat | undefined {
  const body = 27 + (bytes[26] ?? 0);
  if (says(bytes, body, 'OpusHead')) return 'opus';
  return says(bytes, body + 1, 'vorbis') ? 'vorbis' : undefined;
}

/** Bytes of the ID3v2 tag in front, whose length is in four bytes of seven bits; 0 where there is none. */
export function id3Length(bytes: Uint8Array): number {
  if (!says(bytes, 0, 'ID3')) return 0;
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(6, 10);
  return 10 + ((a << 21) | (b << 14) | (c << 7) | d);
}

function starts(bytes: Uint8Array, wanted: readonly number[]): boolean {
  return wanted.every((byte, i) => bytes[i] === byte);
}

/** Whether ASCII `text` stands at `offset`. */
export function says(bytes: Uint8Array, offset: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[offset + i] !== text.charCodeAt(i)) return false;
  return true;
}
