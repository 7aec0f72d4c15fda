import { expect, test } from 'vitest';
import { cleanText } from './fix-text.ts';

// What Python gives: `re.sub(r'\s+', ' ', html.unescape(html.unescape(ftfy.fix_text(text))).strip()).strip().lower()`, ftfy 6.3.1.
const CASES = [
  ['it\u0092s', "it's"],
  ['wait\u0085 what', 'wait… what'],
  ['\u0093quoted\u0094 \u0097 dash', '"quoted" — dash'],
  ['\u0080 5 \u0081 \u008d \u0099', '€ 5 \u0081 \u008d ™'],
  ['C1 and 中: café\u0085', 'c1 and 中: café…'],
  ['a&#146;b &#133;', "a'b …"],
  ['a&rsquo;b', "a'b"],
  ['<b>\na&rsquo;b', '<b> a’b'],
  ['a&rsquo;b\n<b>', "a'b <b>"],
  ['schÃ¶n', 'schön'],
  ['schÃƒÂ¶n', 'schön'],
  ['lâ\u0080\u0099eau', "l'eau"],
  ['‘a’ “b” ʼ', "'a' \"b\" '"],
  ['ﬁre ﬅ ﬆ ŉ ǅ', "fire ſt st 'n dž"],
  ['ＡＢ\u3000ｶ', 'ab カ'],
  ['a\u2028b\u2029c\rd\r\ne', 'a b c d e'],
  ['\u001b[36;44mblue\u001b[0m', 'blue'],
  ['；\u001b[１m', ';'],
  ['a\u0000b\ufeffc\u206ad', 'abcd'],
  ['cafe\u0301', 'café'],
  ['e\u0000\u0301', 'é'],
  ['&amp;amp;lt;', '<'],
  ['Â© 2020', '© 2020'],
  ['100 Â°C', '100 °c'],
  ['\u001b［1mred', 'red'],
  ['a\u00a0b\u2003c', 'a b c'],
  ['é\u0092', "é'"],
  ['x\u0085\ny\u0092', "x… y'"],
  ['&copy &copy; &rsquo x', '© © &rsquo x'],
] as const;

test.each(CASES)('%j is cleaned as ftfy and CLIP do', (text, cleaned) => {
  expect(cleanText(text)).toBe(cleaned);
});
