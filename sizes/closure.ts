/** What npm's lockfile says of one package. */
export interface Locked {
  /** Where its folder is not called as it is. */
  readonly name?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
}

/** The packages of a lockfile by their folders. */
export type Lock = Readonly<Record<string, Locked>>;

/** The machine for which sizes are told. Binaries for others are not installed. */
export const PLATFORM = { os: 'linux', cpu: 'x64', libc: 'glibc' } as const;

/**
 * Folders of everything that `npm install NAME` brings, the package itself included, each once: dependencies, optional ones that
 * fit `PLATFORM`, and peers that are not optional, which npm installs as well.
 *
 * @throws when the lockfile has no such package, or lacks something that it needs
 */
export function closureOf(lock: Lock, name: string): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (folder: string): void => {
    if (found.has(folder)) return;
    found.add(folder);
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = lock[folder] ?? {};
    const optional = new Set(Object.keys(optionalDependencies ?? {}));
    const peers = Object.keys(peerDependencies ?? {}).filter((peer) => peerDependenciesMeta?.[peer]?.optional !== true);
    for (const wanted of new Set([...Object.keys(dependencies ?? {}), ...optional, ...peers])) {
      const at = resolve(lock, folder, wanted);
      if (at === undefined && !optional.has(wanted)) throw new Error(`The lockfile has no ${wanted} for ${folder}.`);
      if (at !== undefined && fits(lock[at] ?? {})) visit(at);
    }
  };
  const start = resolve(lock, '', name);
  if (start === undefined) throw new Error(`The lockfile has no package ${name}.`);
  visit(start);
  return found;
}

/** Name of the package in a folder of the lockfile. */
export function nameOf(lock: Lock, folder: string): string {
  return lock[folder]?.name ?? folder.split('node_modules/').at(-1) ?? folder;
}

/** As Node looks for packages: beside the one that wants it, then in every folder above. */
function resolve(lock: Lock, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(folder.lastIndexOf('/'), 0))) {
    const at = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    const entry = lock[at];
    if (entry !== undefined) return entry.link === true ? entry.resolved : at;
    if (folder === '') return undefined;
  }
}

function fits({ os, cpu, libc }: Locked): boolean {
  return allows(os, PLATFORM.os) && allows(cpu, PLATFORM.cpu) && allows(libc, PLATFORM.libc);
}

/** Lists name what is wanted, or with `!` what is not. */
function allows(list: readonly string[] | undefined, one: string): boolean {
  if (list === undefined) return true;
  return list.some((each) => each.startsWith('!')) ? !list.includes(`!${one}`) : list.includes(one);
}
