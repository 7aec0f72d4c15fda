// freebind's own readers of media that no entry exports: for tests, and for the fuzzer.
export { indexFirst } from '../src/mp4-boxes.ts';
export { heardSamples } from '../src/mp4-edit.ts';
export { opusLength } from '../src/opus-length.ts';
