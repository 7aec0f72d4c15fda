// What reads foreign files and no entry exports: for the fuzzer.
export { JsonTokenizer } from '../src/json-tokenizer.ts';
