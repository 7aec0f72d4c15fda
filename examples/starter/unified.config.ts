// As freebind.config.ts, but both experts are bound to the weak unified space, one after the other.
import { defineConfig } from '@freebind/core/config';
import base from './freebind.config.ts';

export default defineConfig({ ...base, train: { ...base.train, recipe: 'u + d(vt) + c(at)' } });
