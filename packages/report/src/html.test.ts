import { expect, test } from 'vitest';
import { embed, html } from './html.ts';

test('escapes whatever is not HTML already', () => {
  expect(html`<p title="${'"\''}">${'<b>&'}${html`<i>${1}</i>`}</p>`.text).toBe(
    '<p title="&quot;&#39;">&lt;b&gt;&amp;<i>1</i></p>',
  );
});

test('joins lists of HTML, one item a line', () => {
  const items = ['a', '<'].map((item) => html`<li>${item}</li>`);
  expect(html`<b>${items}</b>`.text).toBe('<b><li>a</li>\n<li>&lt;</li></b>');
});

test('embeds data that cannot end its element and reads back as it was', () => {
  const data = { label: '</script><!--', glyph: '🦊\u2028' };
  expect(embed(data).text).not.toContain('<');
  expect(JSON.parse(embed(data).text)).toEqual(data);
});
