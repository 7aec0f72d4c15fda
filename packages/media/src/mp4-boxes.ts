/** A box of an MP4 file (ISO/IEC 14496-12, 4.2): where it and its content begin, and where it ends. */
export interface Box {
  readonly type: string;
  readonly start: number;
  readonly content: number;
  readonly end: number;
}

/** The boxes between two places. Stops at what is none. */
export function boxesIn(file: Buffer, from: number, to: number): readonly Box[] {
  const boxes: Box[] = [];
  for (let start = from; start + 8 <= to;) {
    const short = file.readUInt32BE(start);
    const long = short === 1 && start + 16 <= to;
    // 0 is “to the end of the file”.
    const size = long ? Number(file.readBigUInt64BE(start + 8)) : short === 0 ? to - start : short;
    const content = start + (long ? 16 : 8);
    const end = start + size;
    if (end < content || end > to) break;
    boxes.push({ type: file.toString('latin1', start + 4, start + 8), start, content, end });
    start = end;
  }
  return boxes;
}

/** Boxes that hold boxes, on the way to the tables of chunks. */
const HOLDERS = new Set(['trak', 'mdia', 'minf', 'stbl']);

/**
 * An MP4 file with its index (`moov`) in front of its media, as it is needed to read it from front to back; encoders write it
 * last. What the index says about places in the file is moved along. The same bytes where it is in front, or not there.
 */
export function indexFirst(file: Buffer): Buffer {
  const boxes = boxesIn(file, 0, file.length);
  const moov = boxes.find(({ type }) => type === 'moov');
  const media = boxes.find(({ type }) => type === 'mdat');
  if (moov === undefined || media === undefined || moov.start < media.start) return file;
  const index = Buffer.from(file.subarray(moov.start, moov.end));
  moveChunks(index, 8, index.length, index.length);
  return Buffer.concat([
    file.subarray(0, media.start),
    index,
    file.subarray(media.start, moov.start),
    file.subarray(moov.end),
  ]);
}

/** Adds to the places in the tables of chunks (`stco` of 32 bits, `co64` of 64). */
function moveChunks(index: Buffer, from: number, to: number, by: number): void {
  for (const { type, content, end } of boxesIn(index, from, to)) {
    if (HOLDERS.has(type)) moveChunks(index, content, end, by);
    if ((type !== 'stco' && type !== 'co64') || content + 8 > end) continue;
    const width = type === 'stco' ? 4 : 8;
    const count = Math.min(index.readUInt32BE(content + 4), Math.floor((end - content - 8) / width));
    for (let i = 0, at = content + 8; i < count; i++, at += width) {
      if (width === 4) index.writeUInt32BE((index.readUInt32BE(at) + by) >>> 0, at);
      else index.writeBigUInt64BE(index.readBigUInt64BE(at) + BigInt(by), at);
    }
  }
}
