import { createHash } from 'node:crypto';
import type { Weights } from '../network.ts';

/** SHA-256, in hex, of plain data as JSON keeps it. */
export function digestJson(facts: unknown): string {
  // There and back, so that keys have the order in which a reader of the file sees them.
  return createHash('sha256')
    .update(JSON.stringify(JSON.parse(JSON.stringify(facts))))
    .digest('hex');
}

/** SHA-256, in hex, of tensors: their names in order, their shapes and the bytes of their numbers. */
export function digestWeights(weights: Weights): string {
  const hash = createHash('sha256');
  for (const [name, { shape, data }] of Object.entries(weights).sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name} [${shape.join()}] ${data.BYTES_PER_ELEMENT}\n`);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}
