/** What a subject declares about itself; a store declares nothing. */
export type ManifestOf<T> = T extends { readonly manifest: infer M } ? M : never;

/** One requirement of an interface, as data: any runner can execute it. */
export interface ConformanceCase<T> {
  /** Reads as a sentence after the subject's name: `aggregates with softmax weights`. */
  readonly name: string;
  /** Why the requirement exists: equation, file or trap. */
  readonly because?: string;
  /** Capability that the case needs. A subject whose manifest does not declare it skips the case, with that as the reason. */
  readonly requires?: Extract<keyof ManifestOf<T>, string>;
  /** Capability whose absence the case tests. A subject that declares it skips the case, with that as the reason. */
  readonly unless?: Extract<keyof ManifestOf<T>, string>;
  /** The case closes its subject, so it gets one of its own. */
  readonly closes?: true;
  /** Throws when the requirement is not met; the message says what was found and what was expected. */
  run(subject: T): Promise<void>;
}

/** How one case ended. */
export type Outcome =
  | { readonly status: 'pass' }
  | { readonly status: 'skip'; readonly reason: string }
  | { readonly status: 'fail'; readonly error: unknown };

/** Why `subject` need not pass the case, or undefined when it must. Manifests are the only way to skip. */
export function reasonToSkip<T extends object>(
  { requires, unless }: ConformanceCase<T>,
  subject: T,
): string | undefined {
  const declares = (capability: string): boolean => {
    const manifest: unknown = 'manifest' in subject ? subject.manifest : undefined;
    // Any object may be read by name; what is absent is undefined.
    const value =
      typeof manifest === 'object' && manifest !== null ? (manifest as Record<string, unknown>)[capability] : 0;
    return value === true;
  };
  if (requires !== undefined && !declares(requires)) return `its manifest does not declare "${requires}"`;
  if (unless !== undefined && declares(unless)) return `its manifest declares "${unless}"`;
  return undefined;
}

/** Runs one case on a subject that is open. */
export async function runCase<T extends object>(required: ConformanceCase<T>, subject: T): Promise<Outcome> {
  const reason = reasonToSkip(required, subject);
  if (reason !== undefined) return { status: 'skip', reason };
  try {
    await required.run(subject);
    return { status: 'pass' };
  } catch (error) {
    return { status: 'fail', error };
  }
}
