// freebind's own readers of media that no entry exports: for tests, and for the fuzzer.
export { flacFrames } from '../src/flac-frames.ts';
export { readFlacHead } from '../src/flac-head.ts';
export { readMp3Head } from '../src/mp3-head.ts';
export { indexFirst } from '../src/mp4-boxes.ts';
export { heardSamples } from '../src/mp4-edit.ts';
export { countPackets } from '../src/mp4-packets.ts';
export { readOggLinks } from '../src/ogg-links.ts';
