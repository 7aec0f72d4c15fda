export { decodeAudio } from './decode-audio.ts';
export { type DecodedImage, decodeImage } from './decode-image.ts';
export type { MediaLimits } from './limits.ts';
export { MediaReader, type MediaReaderOptions } from './media-reader.ts';
export { readAudio, readImage } from './read-media.ts';
export { type MediaSource, readSource } from './read-source.ts';
export { type AudioFormat, type ImageFormat, sniffAudio, sniffImage } from './sniff.ts';
