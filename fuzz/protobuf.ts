import * as fc from 'fast-check';

/** One field of a protobuf message: its number, and a whole number, bytes, or four or eight bytes as they are. */
export type Field = readonly [number: number, value: number | bigint | Uint8Array, wire?: 1 | 5];

/** Bytes of a message. */
export function message(fields: readonly Field[]): Uint8Array {
  return join(
    fields.map(([number, value, fixed]) => {
      const key = (wire: number): Uint8Array => varint(BigInt(number) * 8n + BigInt(wire));
      if (typeof value === 'number' || typeof value === 'bigint') return join([key(0), varint(BigInt(value))]);
      if (fixed !== undefined) return join([key(fixed), value]);
      return join([key(2), varint(BigInt(value.length)), value]);
    }),
  );
}

/** Fields that nobody asked for, or of another kind than their number says; lengths among them lie. */
export const strays: fc.Arbitrary<readonly Field[]> = fc.array(
  fc.oneof(
    fc.tuple(
      fc.integer({ min: 1, max: 20 }),
      fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.uint8Array({ maxLength: 12 })),
    ),
    fc.tuple(fc.integer({ min: 1, max: 20 }), fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.constant(5 as const)),
  ),
  { maxLength: 3 },
);

export function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  for (let rest = BigInt.asUintN(64, value); ; rest >>= 7n) {
    if (rest < 128n) return Uint8Array.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}
