/** What each of the 2¹⁶ half floats is, once one was decoded: looking up takes a third of the time of computing. */
let halves: Float32Array | undefined;

/** float32 numbers of IEEE half floats, exact: subnormals, infinities, NaN and the sign of zero included; over `out` from its start. */
export function decodeF16(bits: Uint16Array, out: Float32Array = new Float32Array(bits.length)): Float32Array {
  const known = (halves ??= everyHalf());
  for (let i = 0; i < bits.length; i++) out[i] = known[bits[i] ?? 0] ?? 0;
  return out;
}

function everyHalf(): Float32Array {
  const out = new Float32Array(2 ** 16);
  const words = new Uint32Array(out.buffer);
  for (let h = 0; h < out.length; h++) {
    // The half's exponent and mantissa, moved to where a float32 has them, are the number divided by 2^112 (the difference
    // of the exponents' biases, 127 − 15); subnormals come out right by the same product. Inf and NaN get theirs by hand.
    words[h] = ((h & 0x8000) << 16) | ((h & 0x7fff) << 13);
    if ((h & 0x7c00) === 0x7c00) words[h] = (words[h] ?? 0) | 0x7f800000;
    else out[h] = (out[h] ?? 0) * 2 ** 112;
  }
  return out;
}

/** float32 numbers of bfloat16 ones, exact: the upper half of a float32's bits; over `out` from its start. */
export function decodeBF16(bits: Uint16Array, out: Float32Array = new Float32Array(bits.length)): Float32Array {
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < bits.length; i++) words[i] = (bits[i] ?? 0) << 16;
  return out;
}

/** Half floats nearest to `numbers`, ties to even, from either precision in one rounding, as NumPy's `astype('f2')`; beyond 65504 + 16 they are Inf. */
export function encodeF16(numbers: ArrayLike<number>): Uint16Array {
  const out = new Uint16Array(numbers.length);
  const double = new Float64Array(1);
  const words = new Uint32Array(double.buffer);
  // Units of a half's last place, by exponent −14 to 15: multiplying by the inverse leaves the mantissa as a whole number.
  const scales = Float64Array.from({ length: 30 }, (_, i) => 2 ** (10 - (i - 14)));
  for (let i = 0; i < numbers.length; i++) {
    double[0] = numbers[i] ?? 0;
    const high = words[1] ?? 0;
    const sign = (high >>> 16) & 0x8000;
    const exponent = ((high >>> 20) & 0x7ff) - 1023;
    const size = Math.abs(double[0]);
    if (exponent > 15) {
      out[i] = sign | (Number.isNaN(size) ? 0x7e00 : 0x7c00);
    } else {
      const step = Math.max(exponent, -14) + 14;
      // Adding and taking away 2^52 rounds to a whole number, ties to even. A carry out of the mantissa raises the exponent.
      const mantissa = size * (scales[step] ?? 0) + 2 ** 52 - 2 ** 52;
      out[i] = sign | ((step << 10) + mantissa);
    }
  }
  return out;
}
