import type { Reader } from './reader.ts';
import { configs } from './readers/config.ts';
import { npy } from './readers/npy.ts';
import { recipes } from './readers/recipe.ts';
import { safetensors } from './readers/safetensors.ts';
import { torch } from './readers/torch.ts';

/** Every reader of what others wrote; a new one needs an entry here and nothing else. */
export const READERS: readonly Reader[] = [npy, safetensors, torch, recipes, configs];
