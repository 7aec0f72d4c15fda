import { describe, expect, it } from 'vitest';
import { adapter } from './adapter.ts';
import { checkNetwork, initialise, inputWidth, outputWidth, parametersOf } from './network.ts';
import { projector } from './projector.ts';
import { random } from './random.ts';

describe('projector', () => {
  it('has the weight names and shapes of the published heads', () => {
    const shapes = Object.fromEntries(
      parametersOf(projector({ input: 512, output: 1024 })).map(({ name, shape }) => [name, shape]),
    );
    // FreeBind's checkpoints, key by key, without their prefix `Head2.mlps.`.
    expect(shapes).toEqual({
      '0.weight': [2048, 512],
      '0.bias': [2048],
      '1.weight': [2048],
      '1.bias': [2048],
      '1.running_mean': [2048],
      '1.running_var': [2048],
      '3.weight': [1024, 2048],
      '3.bias': [1024],
      '4.weight': [1024],
      '4.bias': [1024],
      '4.running_mean': [1024],
      '4.running_var': [1024],
    });
  });
});

describe('adapter', () => {
  it('has the published depth, width and weight names', () => {
    const layers = adapter({ input: 48 });
    const names = parametersOf(layers).map(({ name }) => name);
    expect(names.slice(0, 6)).toEqual([
      '0.ln.weight',
      '0.ln.bias',
      '0.fn.0.weight',
      '0.fn.0.bias',
      '0.fn.3.weight',
      '0.fn.3.bias',
    ]);
    expect(names.slice(-4)).toEqual(['4.weight', '4.bias', '5.weight', '5.bias']);
    expect([inputWidth(layers), outputWidth(layers)]).toEqual([48, 512]);
    expect(JSON.stringify(layers)).toContain('"rate":0.6');
  });
});

describe('initialise', () => {
  it('fills weights within their bounds and norms with 1 and 0', () => {
    const layers = projector({ input: 30, output: 20, hidden: 50 });
    const { weights } = initialise(layers, random(1), 'xavier');
    const largest = (name: string): number => Math.max(...(weights[name]?.data ?? []).map(Math.abs));
    // The largest of 1500 uniform draws is within 1 % of the bound with probability 1 − 3e-7.
    expect(largest('0.weight') / Math.sqrt(6 / 80)).toBeGreaterThan(0.99);
    expect(largest('0.weight')).toBeLessThanOrEqual(Math.fround(Math.sqrt(6 / 80)));
    expect(largest('3.bias')).toBeLessThanOrEqual(1 / Math.sqrt(50));
    expect(new Set(weights['1.running_var']?.data)).toEqual(new Set([1]));
    expect(new Set(weights['1.running_mean']?.data)).toEqual(new Set([0]));
    expect(largest('3.weight')).toBeGreaterThan(1 / Math.sqrt(50));
    const plain = initialise(layers, random(1), 'fan-in').weights['3.weight']?.data ?? [];
    expect(Math.max(...plain)).toBeLessThanOrEqual(1 / Math.sqrt(50));
  });
});

describe('checkNetwork', () => {
  const layers = projector({ input: 3, output: 2, hidden: 4 });
  const network = initialise(layers, random(1), 'xavier');

  it('accepts what fits', () => {
    expect(() => checkNetwork(network)).not.toThrow();
  });

  it('names the weight that is missing, misshapen or not finite', () => {
    const { '3.bias': _, ...rest } = network.weights;
    expect(() => checkNetwork({ layers, weights: rest })).toThrow(/no weight "3\.bias" of shape \[2\]/);
    const misshapen = { ...network.weights, '0.weight': { shape: [3, 4], data: new Float32Array(12) } };
    expect(() => checkNetwork({ layers, weights: misshapen })).toThrow(/"0\.weight".*\[3, 4\].*expected \[4, 3\]/);
    const infinite = { ...network.weights, '1.bias': { shape: [4], data: Float32Array.of(1, 2, Infinity, 4) } };
    expect(() => checkNetwork({ layers, weights: infinite })).toThrow(/"1\.bias".*NaN or Inf/);
  });

  it('refuses layers that do not fit together', () => {
    expect(() =>
      checkNetwork({
        layers: [...layers, { kind: 'layer-norm', name: '9', size: 5, epsilon: 1e-5 }],
        weights: network.weights,
      }),
    ).toThrow(/5 columns.*gives 2/);
    expect(() => checkNetwork({ layers: [{ kind: 'relu' }], weights: {} })).toThrow(/how wide/);
  });
});
