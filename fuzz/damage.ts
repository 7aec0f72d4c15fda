import * as fc from 'fast-check';

/** Something that happened to the bytes of a file. */
type Damage =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly changes: readonly (readonly [place: number, byte: number])[] }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'more'; readonly bytes: Uint8Array };

/** A place in a file, as a share of its length. */
const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

const damages: fc.Arbitrary<Damage> = fc.oneof(
  { weight: 5, arbitrary: fc.constant({ kind: 'none' } as const) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('bytes' as const),
      changes: fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), at: place }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('more' as const), bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }) }),
  },
);

/** Files as they are, in half of the cases; else with some bytes changed, cut short, or with bytes after their end. */
export function damaged(files: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc.tuple(files, damages).map(([file, damage]) => {
    switch (damage.kind) {
      case 'none':
        return file;
      case 'bytes': {
        const changed = Uint8Array.from(file);
        for (const [at, byte] of damage.changes) if (file.length > 0) changed[Math.floor(at * file.length)] = byte;
        return changed;
      }
      case 'cut':
        return file.slice(0, Math.floor(damage.at * file.length));
      case 'more':
        return Uint8Array.from([...file, ...damage.bytes]);
    }
  });
}

/** Numbers that make sizes lie: small ones, and those at which sums and products overflow. */
export const sizes: fc.Arbitrary<number> = fc.oneof(
  { weight: 8, arbitrary: fc.nat(6) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(255, 65_535, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 53 - 1, 2 ** 53, 1e300),
  },
);
