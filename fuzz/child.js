// Loads TypeScript without Node's module hooks: under those, packages in CommonJS lose their named exports.
import { createJiti } from 'jiti';

await createJiti(import.meta.url, { fsCache: false }).import('./child.ts');
