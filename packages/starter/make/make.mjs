// Makes the starter's embedding tables, and says how far they are from the ones that ship. See README.md beside this file.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ARTISTS, chooseConcepts, describe, splitConcepts } from './concepts.mjs';
import { openImageEncoder } from './images.mjs';
import { folderOf, versionOf } from './packages.mjs';
import { openReduction } from './reduction.mjs';
import { compareTables, writeTable } from './tables.mjs';
import { openTextEncoder } from './texts.mjs';
import { openVoiceEncoder, VOICES } from './voices.mjs';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'fresh' },
    shipped: { type: 'string', default: join(import.meta.dirname, '../tables') },
    refit: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
  },
});
if (values.refit && values.only) throw new Error('--refit fits the axes on all artists and voices; leave out --only.');
const wanted = ({ id }) => values.only?.includes(id) ?? true;
const unknown = values.only?.find((name) => ![...ARTISTS, ...VOICES].some(({ id }) => id === name));
if (unknown !== undefined)
  throw new Error(
    `--only takes ${[...ARTISTS, ...VOICES].map(({ id }) => id).join(', ')}; "${unknown}" is none of them.`,
  );
// Two copies of TensorFlow.js meet here (the text encoder bundles one) and report every kernel twice.
console.warn = () => {};
mkdirSync(values.out, { recursive: true });

const progress = (what) => {
  const start = Date.now();
  return (done, all) => {
    if (done % 100 !== 0 && done !== all) return;
    const left = ((Date.now() - start) / done) * (all - done);
    process.stderr.write(`\r${what}: ${done}/${all}, ${Math.ceil(left / 1000)} s left   ${done === all ? '\n' : ''}`);
  };
};

const embedTexts = await openTextEncoder();
const concepts = await chooseConcepts(embedTexts);
const parts = splitConcepts(concepts.length);
const known = [...parts.unified, ...parts.experts, ...parts.validation, ...parts.test].sort((a, b) => a - b);

const labels = concepts.map(({ label }) => label);
const tables = {
  'label.text': await embedTexts(labels, progress('text, labels')),
  'keywords.text': await embedTexts(concepts.map(describe), progress('text, keywords')),
};

const embedImages = await openImageEncoder();
const drawings = {};
for (const [a, { id, set }] of ARTISTS.entries()) {
  if (!wanted({ id })) continue;
  const names = concepts.map((concept) => concept.drawings[a]);
  drawings[id] = await embedImages(set, names, progress(`image, ${id}`));
}
const embedVoices = await openVoiceEncoder();
const speech = {};
for (const voice of VOICES.filter(wanted))
  speech[voice.id] = await embedVoices(voice, labels, progress(`audio, ${voice.id}`));

// Image and audio rows are reduced to 256 principal axes, fitted on the concepts, artists and voices that may be trained on.
for (const { modality, makers, raw } of [
  { modality: 'image', makers: ARTISTS, raw: drawings },
  { modality: 'audio', makers: VOICES, raw: speech },
]) {
  const training = makers
    .filter((maker) => wanted(maker) && !maker.heldOut)
    .flatMap(({ id }) => known.map((row) => raw[id][row]));
  const reduce = await openReduction(modality, training, { refit: values.refit });
  for (const { id } of makers.filter(wanted)) tables[`${id}.${modality}`] = await reduce(raw[id]);
}

for (const [name, rows] of Object.entries(tables)) await writeTable(values.out, name, rows);
const card = {
  concepts: concepts.map(({ id, glyph, label, tags }) => ({ id, glyph, label, tags })),
  splits: parts,
  artists: ARTISTS.map(({ id, by, licence, heldOut = false, set }) => ({
    id,
    by,
    licence,
    heldOut,
    package: `${set}@${versionOf(set)}`,
  })),
  voices: VOICES.map(({ id, voice, pitch, speed, heldOut = false }) => ({ id, voice, pitch, speed, heldOut })),
};
writeFileSync(join(values.out, 'starter.json'), `${JSON.stringify(card)}\n`);
for (const modality of ['text', 'image', 'audio']) {
  writeFileSync(join(values.out, `${modality}.ids.txt`), `${concepts.map(({ id }) => id).join('\n')}\n`);
}

console.log(`${concepts.length} concepts; ${Object.keys(tables).length} tables in ${values.out}`);
const shippedIds = (() => {
  try {
    return readFileSync(join(values.shipped, 'text.ids.txt'), 'utf8');
  } catch {
    return undefined;
  }
})();
if (shippedIds === undefined) console.log(`No shipped tables in ${values.shipped} to compare with.`);
else if (shippedIds !== readFileSync(join(values.out, 'text.ids.txt'), 'utf8'))
  console.log('The concepts differ from the shipped ones, so rows cannot be compared.');
else for (const line of await compareTables(values.shipped, values.out, Object.keys(tables))) console.log(line);
console.log(
  `made with nsfwjs ${versionOf('nsfwjs')}, onnxruntime-node ${versionOf('onnxruntime-node')}, sharp ${versionOf('sharp')} from ${folderOf('sharp')}`,
);
