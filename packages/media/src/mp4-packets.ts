import { type Box, boxesIn } from './mp4-boxes.ts';

/**
 * Packets of an MP4 file's sound, by the tables that decoders take them from (ISO/IEC 14496-12): the sizes of each track that holds AAC
 * (8.7.3), and the runs of fragments, which files made for streams have (8.8.8).
 */
export function countPackets(file: Buffer): number {
  const whole = { content: 0, end: file.length };
  const tables = boxesAt(file, whole, 'moov', 'trak', 'mdia', 'minf', 'stbl').filter((table) =>
    boxesAt(file, table, 'stsd').some(({ content, end }) => file.subarray(content, end).includes('mp4a', 0, 'latin1')),
  );
  const sizes = tables.flatMap((table) => boxesAt(file, table, 'stsz'));
  const runs = boxesAt(file, whole, 'moof', 'traf', 'trun');
  return sum(sizes.map((box) => countAt(file, box, 8))) + sum(runs.map((box) => countAt(file, box, 4)));
}

/** The boxes that a path of types leads to. */
function boxesAt(
  file: Buffer,
  { content, end }: Omit<Box, 'type' | 'start'>,
  ...path: readonly string[]
): readonly Box[] {
  const [type, ...rest] = path;
  const found = boxesIn(file, content, end).filter((box) => box.type === type);
  return rest.length === 0 ? found : found.flatMap((box) => boxesAt(file, box, ...rest));
}

function countAt(file: Buffer, { content, end }: Box, offset: number): number {
  return content + offset + 4 <= end ? file.readUInt32BE(content + offset) : 0;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
