/** Text that is HTML already; everything else that `html` is given is escaped. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What can stand in a template: text and numbers are escaped, HTML and lists of it are not. */
export type Content = string | number | Html | readonly Html[];

/** A template that escapes what it is given: html`<td>${label}</td>`. */
export function html(strings: TemplateStringsArray, ...contents: readonly Content[]): Html {
  return new Html(strings.map((string, i) => string + (i < contents.length ? render(contents[i] ?? '') : '')).join(''));
}

function render(content: Content): string {
  if (content instanceof Html) return content.text;
  if (typeof content === 'object') return content.map((part) => part.text).join('\n');
  return escape(String(content));
}

/** Text for an element or a quoted attribute. */
export function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** Data as the text of a script element: no `<`, so that nothing in it can end the element. */
export function embed(data: unknown): Html {
  return new Html(JSON.stringify(data).replaceAll('<', String.raw`\u003c`));
}
