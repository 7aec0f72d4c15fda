import { FreebindError } from '@freebind/core';
import type { PickleValue } from './pickle-value.ts';
import { StoredTensor } from './stored-tensor.ts';

/** Far deeper than trainers nest, and shallow enough for a cycle to be found out soon. */
const DEEPEST = 64;

/**
 * Every tensor in `value` by its dotted path. One value may stand in many places, so a small pickle can describe a huge
 * tree: `budget`, the pickle's bytes, bounds the items and the characters of paths, which in an honest one are fewer (each
 * tensor takes 60 bytes and more).
 *
 * @throws FREEBIND_FILE_INVALID when it goes in circles, unfolds beyond the budget, or has two tensors of one path
 */
export function flattenTensors(value: PickleValue, budget: number, source: string): ReadonlyMap<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  let left = 16 * budget;
  const visit = (part: PickleValue, path: string, depth: number): void => {
    if (!(part instanceof StoredTensor || part instanceof Map || Array.isArray(part))) return;
    left -= 1 + path.length + (part instanceof StoredTensor ? 0 : part instanceof Map ? part.size : part.length);
    if (left < 0 || depth > DEEPEST) throw invalid(source, 'holds values within values without end');
    if (part instanceof StoredTensor) {
      if (tensors.has(path)) throw invalid(source, `has two tensors of the name "${path}"`);
      tensors.set(path, part);
    } else {
      for (const [key, item] of part.entries()) {
        if (typeof key === 'string' || typeof key === 'number') {
          visit(item, path === '' ? String(key) : `${path}.${key}`, depth + 1);
        }
      }
    }
  };
  visit(value, '', 0);
  return tensors;
}

function invalid(source: string, what: string): FreebindError {
  return new FreebindError(
    'FREEBIND_FILE_INVALID',
    `${source} ${what}. It is damaged or made to mislead; save the state dict alone, \`torch.save(model.state_dict(), path)\`.`,
  );
}
