import { describe, expect, test } from 'vitest';
import { type FactorChoice, type MixingStep, resolveFactors } from './factors.ts';
import { recipe, type Recipe } from './recipe.ts';
import { formatStep } from './recipe-text.ts';

const unified = { imagebind: ['audio', 'image', 'text'], internvl: ['image', 'text'], clap: ['audio', 'text'] };

/** Steps of a recipe over a space of audio, image and text, each mixing what its expert embeds. */
function mixingSteps(of: Recipe): readonly MixingStep[] {
  return of.steps.map((step) => ({
    step,
    text: formatStep(step, { factors: false }),
    mixed: Object.entries(unified).find(([id]) => step.experts[0]?.startsWith(id))?.[1] ?? [],
  }));
}
const resolve = (text: string | Recipe, choice?: FactorChoice): unknown =>
  resolveFactors(recipe(text), mixingSteps(recipe(text)), choice);

const both = 'imagebind + d(internvl) + c(clap)';

describe('factors', () => {
  test('default to the published ones: displacement 0.2, combination as "versatile"', () => {
    expect(resolve(both)).toEqual([
      { image: 0.2, text: 0.2 },
      { audio: 0.5, text: 0.1 },
    ]);
    expect(resolve(both)).toEqual(resolve(both, 'versatile'));
  });

  test('come from the recipe where it has some', () => {
    expect(resolve('imagebind + d(internvl){image=0.7} + c(clap){text=1}')).toEqual([
      { image: 0.7, text: 0.2 },
      { audio: 0.5, text: 1 },
    ]);
    expect(resolve('internvl_ib†++')).toEqual([
      { image: 0.1, text: 0.1 },
      { audio: 0.5, text: 0.1 },
    ]);
  });

  test('take a published preset by name', () => {
    expect(resolve(both, 'at-expertise')).toEqual([
      { image: 0.2, text: 0.2 },
      { audio: 0.8, text: 0.5 },
    ]);
  });

  test('take the presets of the recipe before published ones of the same name', () => {
    const own = { ...recipe(both), presets: { versatile: { audio: 0.3 }, loud: { 'c.audio': 1, 'd.text': 0 } } };
    expect(resolve(own, 'versatile')).toEqual([
      { image: 0.2, text: 0.2 },
      { audio: 0.3, text: 0.1 },
    ]);
    expect(resolve(own, 'loud')).toEqual([
      { image: 0.2, text: 0 },
      { audio: 1, text: 0.1 },
    ]);
  });

  test('of a bare modality go to combination steps that mix it, else to displacement steps', () => {
    expect(resolve(both, 'audio=.8,text=.5,image=.9')).toEqual([
      { image: 0.9, text: 0.2 },
      { audio: 0.8, text: 0.5 },
    ]);
    expect(resolve('imagebind + d(internvl)', 'text=.5')).toEqual([{ image: 0.2, text: 0.5 }]);
  });

  test('can be set for one kind or one step, and the more specific setting wins wherever it stands', () => {
    expect(resolve(both, 'd.text=.3, c.text=.4')).toEqual([
      { image: 0.2, text: 0.3 },
      { audio: 0.5, text: 0.4 },
    ]);
    expect(resolve('imagebind + c(clap) + c(clap-music)', '2.text=.9,c.text=.6,text=.5,audio=0')).toEqual([
      { audio: 0, text: 0.6 },
      { audio: 0, text: 0.9 },
    ]);
  });

  test('set one by one win over a preset before them', () => {
    expect(resolve(both, 'at-expertise,audio=.3')).toMatchObject([{}, { audio: 0.3, text: 0.5 }]);
  });

  test('are the same from text and from an object', () => {
    expect(resolve(both, { audio: 0.8, 'd.text': 0.3 })).toEqual(resolve(both, 'audio=.8,d.text=.3'));
  });

  test.each<[string, FactorChoice, RegExp]>([
    ['above 1', 'audio=1.01', /"audio".* is 1\.01/],
    ['below 0', { text: -0.5 }, /"text".* is -0\.5/],
    ['NaN', { text: Number.NaN }, /"text".* is NaN/],
    ['no number', 'audio=loud', /"audio" is "loud"/],
    ['left out', 'audio=', /"audio" is ""/],
    ['set twice', 'audio=.1,audio=.2', /"audio" is set twice/],
    ['for an unknown modality', 'depth=.5', /"depth" is for nothing that this recipe mixes/],
    ['for a step that does not mix it', '1.audio=.5', /"1\.audio" is for nothing/],
    ['for a step that is not there', '3.text=.5', /"3\.text" is for nothing/],
    ['for a kind that does not mix it', 'd.audio=.5', /"d\.audio" is for nothing/],
    ['an unknown preset', 'versatil', /no factor preset "versatil"\. Did you mean "versatile"/],
    ['a preset nobody defined', 'constructor', /no factor preset "constructor"/],
    ['an empty item', 'audio=.5,', /empty item/],
  ])('that are %s are refused with what is possible', (_, choice, message) => {
    expect(() => resolve(both, choice)).toThrow(expect.objectContaining({ code: 'FREEBIND_FACTOR_INVALID' }));
    expect(() => resolve(both, choice)).toThrow(message);
  });

  test('are refused with a list of what can be set', () => {
    expect(() => resolve(both, 'depth=.5')).toThrow(
      /step 1, d\(internvl\): image, text; step 2, c\(clap\): audio, text.*Presets: versatile, at-expertise/,
    );
  });

  test('in a recipe for a modality that the step does not mix are refused', () => {
    expect(() => resolve('imagebind + c(clap){image=0.5}')).toThrow(
      /Step 1, c\(clap\), has a factor for "image", which it does not mix/,
    );
  });

  test('of a preset that fits no step are refused, because nothing of it would be used', () => {
    expect(() => resolve('internvl_ib†', 'at-expertise')).toThrow(
      /sets c\.audio, c\.text, none of which.*Presets: none that fits/,
    );
    const own = { ...recipe('internvl_ib'), presets: { sharp: { 'd.text': 0.5 } } };
    expect(() => resolve(own, 'at-expertise')).toThrow(/none of which.*Presets: sharp\./);
    expect(resolve(own, 'sharp')).toEqual([{ image: 0.2, text: 0.5 }]);
  });
});
