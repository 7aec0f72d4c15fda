import { type Box, boxesIn } from './mp4-boxes.ts';

/**
 * Which samples of an MP4 file's sound are meant to be heard: the first entry of its edit list (ISO/IEC 14496-12, 8.6.6), by which
 * encoders cut off what they put in front and behind. Undefined where there is no list of one entry, as ffmpeg writes it.
 */
export function heardSamples(
  file: Buffer,
  sampleRate: number,
): { readonly start: number; readonly length: number } | undefined {
  const moov = boxesIn(file, 0, file.length).find(({ type }) => type === 'moov');
  if (moov === undefined) return undefined;
  const header = inside(file, moov, 'mvhd');
  const tracks = boxesIn(file, moov.content, moov.end).filter(({ type }) => type === 'trak');
  const edits = tracks.flatMap((track) => inside(file, inside(file, track, 'edts'), 'elst') ?? []);
  const [edit] = edits;
  if (header === undefined || edit === undefined || edits.length > 1) return undefined;
  const [wide, wideHeader] = [file[edit.content] === 1, file[header.content] === 1];
  const [entries, scale] = [edit.content + 8, header.content + (wideHeader ? 20 : 12)];
  if (entries + (wide ? 16 : 8) > edit.end || scale + 4 > header.end || file.readUInt32BE(edit.content + 4) !== 1)
    return undefined;
  const duration = wide ? Number(file.readBigUInt64BE(entries)) : file.readUInt32BE(entries);
  const start = wide ? Number(file.readBigInt64BE(entries + 8)) : file.readInt32BE(entries + 4);
  const length = Math.round((duration * sampleRate) / file.readUInt32BE(scale));
  // The list counts in the track's units, which for sound are samples.
  return start >= 0 && length > 0 && Number.isFinite(length) ? { start, length } : undefined;
}

function inside(file: Buffer, box: Box | undefined, type: string): Box | undefined {
  return box && boxesIn(file, box.content, box.end).find((one) => one.type === type);
}
