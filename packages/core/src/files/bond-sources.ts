import type { BondSource } from '../composition.ts';
import { findBonds, readBond } from './bond-folder.ts';

/** The bonds in a folder, for a recipe to choose from; weights are read only of those it takes. @throws as `findBonds` */
export async function bondsIn(dir: string): Promise<readonly BondSource[]> {
  const found = await findBonds(dir);
  return found.map(({ path, manifest }) => ({ manifest, read: async () => (await readBond(path)).bond }));
}
