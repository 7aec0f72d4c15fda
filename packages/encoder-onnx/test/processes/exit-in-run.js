// Ends with status 7 while an encoder runs the graph at argv[2], of 2000 columns and as many dimensions, for half a second and more.
const { OnnxEncoder } = await import(new URL('../../dist/index.js', import.meta.url));

const encoder = new OnnxEncoder({
  path: async () => process.argv[2],
  contract: { inputs: { x: { type: 'float32', dims: ['rows', 2000] } }, output: 'out', dimension: 2000 },
  threads: 1,
});
await encoder.load();
const done = encoder.run({ x: { type: 'float32', dims: [6000, 2000], data: new Float32Array(6000 * 2000) } });
void done.then(() => console.log('done'));
setTimeout(() => process.exit(7), 200);
