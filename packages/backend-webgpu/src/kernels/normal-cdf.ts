/**
 * WGSL: Φ(x) = ½ (1 + erf(x/√2)) and φ(x) = e^(−x²/2)/√(2π), the standard normal's distribution function and density.
 *
 * Abramowitz and Stegun 7.1.26 (https://personal.math.ubc.ca/~cbm/aands/page_299.htm): for z ≥ 0 and t = 1/(1 + 0.3275911 z),
 * erfc z = (a₁t + a₂t² + … + a₅t⁵) e^(−z²), off by at most 1.5e-7. Φ is half of it, so off by 7.5e-8, which is about half a unit
 * in the last place of 1 in float32 (6e-8); the exponential is shared with φ. For x < 0 nothing is subtracted from 1, so the
 * tail keeps its digits.
 */
export const NORMAL_CDF = /* wgsl */ `
fn normalPdf(x: f32) -> f32 {
  return 0.3989422804014327f * exp(-0.5 * x * x);
}
fn normalCdf(x: f32) -> f32 {
  let z = abs(x) * 0.7071067811865476f;
  let t = 1.0 / fma(0.3275911f, z, 1.0);
  let series = t * fma(t, fma(t, fma(t, fma(t, 1.061405429f, -1.453152027f), 1.421413741f), -0.284496736f), 0.254829592f);
  let tail = 0.5 * series * exp(-z * z);
  return select(tail, 1.0 - tail, x > 0.0);
}`;
